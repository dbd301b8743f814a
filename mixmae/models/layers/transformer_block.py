"""The pre-norm transformer block, its drop path, and initial weights.

``with_cp`` chooses what the backward pass recomputes to save memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mixmae.models.layers.attention import AttentionHeads
from mixmae.models.layers.custom_backward import (
    is_gelu,
    is_linear,
    is_norm,
    is_plain,
    linear_of_gelu,
    linear_of_norm,
    replaceable,
    takes_custom_backward,
)

RECOMPUTED = (False, 'pointwise', 'mlp', True)


@replaceable
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

    def recomputed(self, x: Tensor, norm: nn.LayerNorm) -> Tensor:
        """MLP of ``norm(x)``; the backward pass recomputes norm and GELU."""
        return linear_of_gelu(linear_of_norm(x, norm, self.fc1), self.fc2)


@replaceable
class TransformerBlock(nn.Module):
    """Attention and MLP, each normalised before and added to its input.

    Args:
        embed_dims: channels.
        attn: maps tokens (..., N, C), and whatever else the block is
            called with, to (..., N, C).
        mlp_ratio: hidden channels of the MLP over ``embed_dims``.
        drop_path: probability of dropping each of the two branches.
        norm_eps: epsilon of the layer norms.
        with_cp: what the backward pass recomputes to save memory, one of
            ``RECOMPUTED``: nothing; the norms and the GELU, which costs
            little; those and the MLP's first map; or the whole block. Parts
            that were replaced or have hooks are called as modules, and
            neither they nor their neighbours recompute anything.

    Raises:
        ValueError: another ``with_cp``.
    """

    def __init__(
        self,
        embed_dims: int,
        attn: nn.Module,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
        norm_eps: float = 1e-5,
        with_cp: bool | str = False,
    ) -> None:
        super().__init__()
        # 1 == True, and would be neither.
        if with_cp not in RECOMPUTED or type(with_cp) not in (bool, str):
            raise ValueError(
                f'with_cp must be one of {list(RECOMPUTED)}, got {with_cp!r}'
            )
        self.with_cp = with_cp
        self.norm1 = nn.LayerNorm(embed_dims, eps=norm_eps)
        self.attn = attn
        self.norm2 = nn.LayerNorm(embed_dims, eps=norm_eps)
        self.mlp = MLP(embed_dims, mlp_ratio)
        self.drop_path = DropPath(drop_path)

    def forward(
        self, x: Tensor, *context: object, wanted: Tensor | None = None
    ) -> Tensor:
        """(..., N, C) -> (..., N, C), or (n, C) of the wanted tokens.

        Args:
            x: the tokens.
            context: what ``attn`` is called with besides.
            wanted: long (n,), tokens of the flattened batch that are asked
                for; the others do not go through the MLP. None = all.
        """
        if self.with_cp is True and torch.is_grad_enabled():
            return checkpoint(
                self._inner_forward,
                x,
                *context,
                wanted=wanted,
                use_reentrant=False,
            )
        return self._inner_forward(x, *context, wanted=wanted)

    def attend(self, x: Tensor, *context: object) -> Tensor:
        """The first half: attention."""
        attn = self.attn
        if (
            self._recomputes(x, 'pointwise', 'mlp')
            and is_plain(attn, AttentionHeads)
            and is_norm(self.norm1)
            and is_linear(attn.qkv)
        ):
            mixed = attn(x, *context, norm=self.norm1)
        else:
            mixed = attn(self.norm1(x), *context)
        return x + self.drop_path(mixed)

    def transform(self, x: Tensor) -> Tensor:
        """The second half: the MLP."""
        mlp = self.mlp
        if self._recomputes(x, 'pointwise') and self._plain_mlp():
            changed = mlp.recomputed(x, self.norm2)
        elif self._recomputes(x, 'mlp'):
            # Stops before the second map, whose output is not needed.
            changed = checkpoint(
                self._normed_mlp,
                x,
                use_reentrant=False,
                # Nothing is drawn, but perhaps by parts of others.
                preserve_rng_state=not self._plain_mlp(),
            )
        else:
            changed = self._normed_mlp(x)
        return x + self.drop_path(changed)

    def _recomputes(self, x: Tensor, *settings: str) -> bool:
        # A compiler decides itself what it recomputes, and where nothing is
        # computed (the meta device) nothing is kept.
        return (
            self.with_cp in settings
            and takes_custom_backward()
            and torch.amp.is_autocast_available(x.device.type)
        )

    def _plain_mlp(self) -> bool:
        """Return True if norm and MLP may be computed without calling them."""
        mlp = self.mlp
        return (
            is_plain(mlp, MLP)
            and is_norm(self.norm2)
            and is_linear(mlp.fc1)
            and is_gelu(mlp.act)
            and is_linear(mlp.fc2)
        )

    def _normed_mlp(self, x: Tensor) -> Tensor:
        return self.mlp(self.norm2(x))

    def _inner_forward(
        self, x: Tensor, *context: object, wanted: Tensor | None
    ) -> Tensor:
        x = self.attend(x, *context)
        if wanted is not None:
            x = x.flatten(0, -2).index_select(0, wanted)
        return self.transform(x)


class DropPath(nn.Module):
    """Drops a residual branch for whole images (arXiv 1603.09382).

    Args:
        rate: probability of dropping, in [0, 1); what is kept is scaled by
            ``1 / (1 - rate)``. Nothing happens in eval mode.
    """

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f'drop path rate must be in [0, 1), got {rate}')
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.rate or not self.training:
            return x
        keep = torch.rand(x.size(0), device=x.device) >= self.rate
        scale = keep.to(x.dtype) / (1 - self.rate)
        return x * scale.view(-1, *[1] * (x.dim() - 1))

    def extra_repr(self) -> str:
        return f'rate={self.rate}'


def drop_path_rates(
    last: float, depths: Sequence[int]
) -> list[tuple[float, ...]]:
    """Rates of each stage's blocks, rising linearly from 0 to ``last``.

    Raises:
        ValueError: ``last`` is outside of [0, 1).
    """
    if not 0 <= last < 1:
        raise ValueError(f'drop_path_rate must be in [0, 1), got {last}')
    rates = iter(np.linspace(0, last, sum(depths)).tolist())
    return [tuple(islice(rates, depth)) for depth in depths]


def init_transformer(module: nn.Module) -> None:
    """Xavier-uniform linear maps without bias, layer norms at one and zero.

    MixMIM models_mixmim.py:281-303. The patch embedding's convolution keeps
    PyTorch's default there (unlike MAE), hence here.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.LayerNorm):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)


def load_init_cfg(neck: BaseModule) -> None:
    """Load the checkpoint of a neck's ``init_cfg`` strictly, if it has one."""
    if neck.init_cfg is not None:
        # Here, as a training from scratch needs none of the checkpoint code.
        from mixmae.checkpoints.loading.neck_state import load_neck

        load_neck(neck, neck.init_cfg)


def init_fan_out(part: nn.Conv2d | nn.Linear) -> None:
    """Normal weights of variance 2 / fan out, biases at zero.

    PVT and Twins initialise their convolutions so, and UM-MAE its own, but
    for the patch embedding.
    """
    fan_out = part.weight[:, 0].numel() / getattr(part, 'groups', 1)
    nn.init.normal_(part.weight, std=(2 / fan_out) ** 0.5)
    if part.bias is not None:
        nn.init.zeros_(part.bias)
