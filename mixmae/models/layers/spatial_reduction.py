"""One token from each cell of tokens: the keys of a pyramid transformer.

Axes: B images, M cells, r = side of a cell in tokens, C channels.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from mixmae.models.layers.patches import is_patch_conv

REDUCTIONS = ('conv', 'pool')


class SpatialReduction(nn.Module):
    """Makes one token of r x r and normalises it.

    Args:
        embed_dims: channels.
        side: r. 1 is of use for 'pool' only.
        kind: 'conv', a convolution of kernel and stride r (PVT, 2102.12122,
            section 3.3), or 'pool', the mean of the tokens and a linear map,
            whose weights do not depend on r (UM-MAE
            models_mae_pvt.py). Both keep the shapes of convolutions.
        norm_eps: epsilon of the layer norm.

    Raises:
        ValueError: another ``kind``, or ``side`` is not positive.
    """

    def __init__(
        self,
        embed_dims: int,
        side: int,
        kind: str = 'conv',
        norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        if kind not in REDUCTIONS:
            raise ValueError(
                f'reduction must be one of {REDUCTIONS}, got {kind!r}'
            )
        if side < 1:
            raise ValueError(
                f'spatial reduction needs a side of at least 1 token, got '
                f'{side}'
            )
        self.pool = kind == 'pool'
        self.side = side = 1 if self.pool else side
        self.proj = nn.Conv2d(embed_dims, embed_dims, side, stride=side)
        self.norm = nn.LayerNorm(embed_dims, eps=norm_eps)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        """(B, M, r^2, C) -> (B, M, C), tokens of a cell in raster order.

        Args:
            padding: bool (1, M, r^2, 1), True where a token is padding: zero
                in a convolution, left out of a mean.
        """
        if padding is not None:
            x = x.masked_fill(padding, 0)
        if self.pool:
            mean = (
                x.mean(2) if padding is None else x.sum(2) / (~padding).sum(2)
            )
            x = mean[:, :, None]
        return self.norm(self._project(x))

    def _project(self, x: Tensor) -> Tensor:
        """Convolves each cell by itself, (B, M, side^2, C) -> (B, M, C)."""
        proj, side = self.proj, self.side
        if is_patch_conv(proj, side):
            # Of a cell on its own that is a matrix product.
            weight = proj.weight.permute(0, 2, 3, 1).flatten(1)
            return F.linear(x.flatten(2), weight, proj.bias)
        cells = x.flatten(0, 1).unflatten(1, (side, side)).movedim(-1, 1)
        return proj(cells).flatten(1).unflatten(0, x.shape[:2])
