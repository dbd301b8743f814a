"""Light transformer from latent tokens to pixels."""

from __future__ import annotations

from torch import Tensor, nn

from mixmae.models.layers.absolute_positions import (
    grid_coords,
    sincos_embedding,
)
from mixmae.models.layers.attention import SelfAttention
from mixmae.models.layers.custom_backward import keeps_forward
from mixmae.models.layers.transformer_block import TransformerBlock


class Decoder(nn.Module):
    """Positions, plain transformer blocks, and a linear map to pixels.

    MixMIM models_mixmim.py:385-406.

    Args:
        embed_dims: channels, a multiple of 4.
        depth: number of blocks.
        num_heads: heads, a divisor of ``embed_dims``.
        out_channels: numbers predicted per token.
        mlp_ratio: hidden channels of the MLPs over ``embed_dims``.
        norm_eps: epsilon of the layer norms.
        with_cp: see ``TransformerBlock``; True leaves out the last block.

    Raises:
        ValueError: heads or positions do not fit ``embed_dims``.
    """

    def __init__(
        self,
        embed_dims: int,
        depth: int,
        num_heads: int,
        out_channels: int,
        mlp_ratio: float = 4.0,
        norm_eps: float = 1e-5,
        with_cp: bool | str = 'pointwise',
    ) -> None:
        super().__init__()
        if embed_dims % 4 or depth < 1:
            raise ValueError(
                f'a decoder needs embed_dims in multiples of 4 and a depth of '
                f'at least 1, got embed_dims {embed_dims}, depth {depth}'
            )
        self.embed_dims = embed_dims
        self.blocks = nn.ModuleList(
            TransformerBlock(
                embed_dims,
                SelfAttention(embed_dims, num_heads),
                mlp_ratio,
                norm_eps=norm_eps,
                # The backward pass starts there: recomputing saves nothing.
                with_cp=with_cp if with_cp is not True else i < depth - 1,
            )
            for i in range(depth)
        )
        self.norm = nn.LayerNorm(embed_dims, eps=norm_eps)
        self.predict = nn.Linear(embed_dims, out_channels)

    def forward(self, x: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Decodes the tokens of a full grid.

        Args:
            x: (B, h, w, D).
            wanted: long (n,), tokens of the flattened batch and grid that
                are to be returned; the others skip the last MLP.

        Returns:
            (B, h * w, D), or (n, D).
        """
        coords = grid_coords(x.size(1), x.size(2), x.device)
        x = x + sincos_embedding(coords, self.embed_dims)
        x = x.flatten(1, 2)
        for block in self.blocks[:-1]:
            x = block(x)
        last = self.blocks[-1]
        if wanted is None:
            return last(x)
        if keeps_forward(last, TransformerBlock):
            return last(x, wanted=wanted)
        return last(x).flatten(0, 1).index_select(0, wanted)

    def pixels(self, x: Tensor) -> Tensor:
        """Decoded tokens (..., D) -> predictions (..., out_channels)."""
        return self.predict(self.norm(x))
