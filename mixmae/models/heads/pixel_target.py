"""Images as sequences of cells, and the target of each cell.

Axes: B images, H and W pixels, L cells, p = side of a cell, K
channels.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

_EPS = 1e-6


def to_cells(images: Tensor, cell: int) -> Tensor:
    """(B, K, H, W) -> (B, L, p * p * K), pixels row by row, then channels."""
    x = images.unflatten(3, (-1, cell)).unflatten(2, (-1, cell))
    return x.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)


def to_images(cells: Tensor, cell: int, height: int, width: int) -> Tensor:
    """The reverse of ``to_cells``, for images of height x width pixels."""
    x = cells.unflatten(1, (height // cell, width // cell))
    x = x.unflatten(3, (cell, cell, -1))
    return x.permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3)


class PixelTarget(NamedTuple):
    """Cells of images, normalised or not.

    Attributes:
        values: (B, L, K p^2), the target of the prediction.
        mean: (B, L, 1), subtracted from each cell; 0 without normalisation.
        scale: (B, L, 1), divisor of each cell; 1 without normalisation.
    """

    values: Tensor
    mean: Tensor
    scale: Tensor

    @classmethod
    def of(cls, images: Tensor, cell: int, norm_pixels: bool) -> PixelTarget:
        """The target of images (B, K, H, W) with cells of ``cell`` pixels.

        Args:
            norm_pixels: bring each cell to zero mean and unit variance, over
                pixels and channels together (MixMIM
                models_mixmim.py:408-425).
        """
        cells = to_cells(images, cell)
        if not norm_pixels:
            zero = cells.new_zeros(*cells.shape[:2], 1)
            return cls(cells, zero, zero + 1)
        # In two passes: on a CPU torch.var_mean takes twice as long.
        mean = cells.mean(-1, keepdim=True)
        centred = cells - mean
        # QUIRK(MixMIM): the variance is unbiased (N - 1); parity needs it.
        squares = centred.square().sum(-1, keepdim=True)
        scale = (squares / (cells.size(-1) - 1) + _EPS).sqrt()
        return cls(centred / scale, mean, scale)

    def mean_colours(self, channels: int) -> Tensor:
        """The prediction that gives each cell its own mean colour.

        It is computed from the target; a model beats it only if it predicts
        structure within cells.

        Args:
            channels: K, of the images.

        Returns:
            (B, L, K p^2).
        """
        pixels = self.values.unflatten(2, (-1, channels))
        return pixels.mean(2, keepdim=True).expand_as(pixels).flatten(2)
