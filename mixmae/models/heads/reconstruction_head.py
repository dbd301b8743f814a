"""Reconstruction loss of predicted cells, and predictions as images.

Axes: B images, H and W pixels, L cells of an image, p = side of a cell in
pixels, K channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor

from mixmae.registry import MODELS
from mixmae.structures import CellMask

_VARIANCE_EPS = 1e-6


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
            norm_pixels: scale each cell to zero mean and unit variance, over
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
        scale = (squares / (cells.size(-1) - 1) + _VARIANCE_EPS).sqrt()
        return cls(centred / scale, mean, scale)


class PixelError(NamedTuple):
    """Error of a pixel.

    Attributes:
        of: Function of the difference, elementwise.
        epsilon: Added to the number of pixels that the sum is divided by.
    """

    of: Callable[[Tensor], Tensor]
    epsilon: float = 0.0


ERRORS = {
    'mse': PixelError(torch.square),
    # QUIRK(SimMIM): simmim.py:98-121 divides by the hidden pixels plus 1e-5.
    'l1': PixelError(torch.abs, 1e-5),
}


@MODELS.register_module()
class ReconstructionHead(BaseModule):
    """Mean error of the predicted pixels.

    Args:
        cells: Cells that count: 'all', as in MixMAE (2205.13137, section 3.1,
            "dual reconstruction": each cell is hidden in one of the two mixed
            images that hold its image, and predicted there), or 'hidden', as
            in MAE, UM-MAE (2205.10063, section 3) and SimMIM.
        norm_pixels: Normalise each target cell by its own mean and variance.
        loss: Error of a pixel, one of ``ERRORS``: 'mse', or 'l1' as in SimMIM.

    Raises:
        ValueError: An unknown ``cells`` or ``loss``.
    """

    def __init__(
        self,
        cells: str,
        norm_pixels: bool = True,
        loss: str = 'mse',
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if cells not in ('all', 'hidden'):
            raise ValueError(f"cells must be 'all' or 'hidden', got {cells!r}")
        if loss not in ERRORS:
            allowed = ' or '.join(map(repr, ERRORS))
            raise ValueError(f'loss must be {allowed}, got {loss!r}')
        self.cells = cells
        self.norm_pixels = norm_pixels
        self.error = ERRORS[loss]

    def loss(
        self, prediction: Tensor, images: Tensor, mask: CellMask
    ) -> dict[str, Tensor]:
        """Training loss.

        Args:
            prediction: (B, L, K p^2), as ``neck.reveal`` returns it.
            images: (B, K, H, W), normalised by the preprocessor.
            mask: The hidden cells.

        Returns:
            ``loss``, a scalar: float32 also under autocast, as the images.
        """
        sums, pixels = self._sums(prediction, images, mask)
        pixels = pixels.sum() + self.error.epsilon
        return {'loss': sums.sum() / pixels / images.size(1)}

    def loss_per_image(
        self, prediction: Tensor, images: Tensor, mask: CellMask
    ) -> Tensor:
        """Loss per image, (B,)."""
        sums, pixels = self._sums(prediction, images, mask)
        return sums / (pixels + self.error.epsilon) / images.size(1)

    def mean_colour(self, images: Tensor, mask: CellMask) -> Tensor:
        """Prediction of each cell's own mean colour, (B, L, K p^2).

        It is computed from the target; a model beats it only if it predicts
        structure within cells.
        """
        target = PixelTarget.of(images, mask.cell, self.norm_pixels)
        pixels = target.values.unflatten(2, (-1, images.size(1)))
        return pixels.mean(2, keepdim=True).expand_as(pixels).flatten(2)

    def reconstruct(
        self, prediction: Tensor, images: Tensor, mask: CellMask
    ) -> Tensor:
        """Predictions as normalised images, (B, K, H, W).

        With ``cells='hidden'`` visible cells are those of the image. With
        ``norm_pixels`` each predicted cell gets the target's own mean and
        variance back, which the model does not predict: the pictures look
        better than the prediction is.
        """
        target = PixelTarget.of(images, mask.cell, self.norm_pixels)
        cells = prediction * target.scale + target.mean
        predicted = to_images(cells, mask.cell, *images.shape[-2:])
        if self.cells == 'all':
            return predicted
        return torch.where(mask.at_stride(1)[:, None], predicted, images)

    def _sums(
        self, prediction: Tensor, images: Tensor, mask: CellMask
    ) -> tuple[Tensor, Tensor]:
        """Summed errors and numbers of pixels that count, (B,) both."""
        target = PixelTarget.of(images, mask.cell, self.norm_pixels).values
        error = self.error.of(prediction - target).sum(2)
        counted = mask.hidden.flatten(1).expand(len(images), -1)
        if self.cells == 'all':
            counted = torch.ones_like(counted)
        pixels = counted.sum(1).to(error.dtype) * mask.cell**2
        return error.masked_fill(~counted, 0).sum(1), pixels


@MODELS.register_module()
class DualReconstructionHead(ReconstructionHead):
    """``ReconstructionHead`` of MixMAE: squared error of all cells.

    For another error use ``ReconstructionHead(cells='all', loss=...)``.
    """

    def __init__(
        self, norm_pixels: bool = True, init_cfg: dict | None = None
    ) -> None:
        super().__init__('all', norm_pixels, init_cfg=init_cfg)


@MODELS.register_module()
class MaskedReconstructionHead(ReconstructionHead):
    """``ReconstructionHead`` of UM-MAE and SimMIM: hidden cells only."""

    def __init__(
        self,
        norm_pixels: bool = True,
        loss: str = 'mse',
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__('hidden', norm_pixels, loss, init_cfg)
