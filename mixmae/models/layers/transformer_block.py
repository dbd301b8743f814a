"""The pre-norm transformer block of encoders and decoders."""

from __future__ import annotations

from torch import Tensor, nn

from mixmae.models.layers.drop_path import DropPath


class MLP(nn.Module):
    """Two linear layers with a GELU between them.

    Args:
        embed_dims: channels.
        ratio: hidden channels over ``embed_dims``.
    """

    def __init__(self, embed_dims: int, ratio: float = 4.0) -> None:
        super().__init__()
        hidden_dims = int(embed_dims * ratio)
        self.fc1 = nn.Linear(embed_dims, hidden_dims)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden_dims, embed_dims)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


class TransformerBlock(nn.Module):
    """Attention and MLP, each normalised before and added to its input.

    Args:
        embed_dims: channels.
        attn: maps tokens (..., N, C), and whatever else the block is
            called with, to (..., N, C).
        mlp_ratio: hidden channels of the MLP over ``embed_dims``.
        drop_path: probability of dropping each of the two branches.
        norm_eps: epsilon of the layer norms.
    """

    def __init__(
        self,
        embed_dims: int,
        attn: nn.Module,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
        norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dims, eps=norm_eps)
        self.attn = attn
        self.norm2 = nn.LayerNorm(embed_dims, eps=norm_eps)
        self.mlp = MLP(embed_dims, mlp_ratio)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, *context: object) -> Tensor:
        return self.transform(self.attend(x, *context))

    def attend(self, x: Tensor, *context: object) -> Tensor:
        """The first half: tokens meet."""
        return x + self.drop_path(self.attn(self.norm1(x), *context))

    def transform(self, x: Tensor) -> Tensor:
        """The second half, each token for itself."""
        return x + self.drop_path(self.mlp(self.norm2(x)))
