"""Reconstruction loss of predicted cells, and predictions as images.

Axes: B images, L cells of an image, p = side of a cell in pixels, K
channels.
"""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor

from mixmae.models.heads.pixel_target import PixelTarget, to_images
from mixmae.registry import MODELS
from mixmae.structures import CellMask

_ERRORS = {'mse': torch.square, 'l1': torch.abs}
# QUIRK(SimMIM): simmim.py:98-121 divides by the hidden pixels plus 1e-5.
_EPS = {'mse': 0.0, 'l1': 1e-5}


@MODELS.register_module()
class ReconstructionHead(BaseModule):
    """Mean error of the predicted pixels.

    Args:
        cells: Cells that count: 'all', as in MixMAE (2205.13137, section 3.1,
            "dual reconstruction": each cell is hidden in one of the two mixed
            images that hold its image, and predicted there), or 'hidden', as
            in MAE, UM-MAE (2205.10063, section 3) and SimMIM.
        norm_pixels: Normalise each target cell by its own mean and variance.
        loss: Error of a pixel: 'mse', or 'l1' as in SimMIM.

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
        if loss not in _ERRORS:
            raise ValueError(f"loss must be 'mse' or 'l1', got {loss!r}")
        self.cells = cells
        self.norm_pixels = norm_pixels
        self.kind = loss

    def loss(
        self, prediction: Tensor, images: Tensor, mask: CellMask
    ) -> dict[str, Tensor]:
        """Training loss.

        Args:
            prediction: (B, L, K p^2), as ``neck.reveal`` returns it.
            images: (B, K, H, W), normalised by the preprocessor.
            mask: The hidden cells.

        Returns:
            ``loss``, a scalar.
        """
        sums, pixels = self._sums(prediction, images, mask)
        pixels = pixels.sum() + _EPS[self.kind]
        return {'loss': sums.sum() / pixels / images.size(1)}

    def errors(
        self, prediction: Tensor, images: Tensor, mask: CellMask
    ) -> Tensor:
        """Loss of each image alone, (B,)."""
        sums, pixels = self._sums(prediction, images, mask)
        return sums / (pixels + _EPS[self.kind]) / images.size(1)

    def mean_colour(self, images: Tensor, mask: CellMask) -> Tensor:
        """Prediction of each cell's own mean colour, (B, L, K p^2)."""
        target = PixelTarget.of(images, mask.cell, self.norm_pixels)
        return target.mean_colours(images.size(1))

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
        error = _ERRORS[self.kind](prediction - target).sum(2)
        counted = mask.hidden.flatten(1).expand(len(images), -1)
        if self.cells == 'all':
            counted = torch.ones_like(counted)
        pixels = counted.sum(1).to(error.dtype) * mask.cell**2
        return error.masked_fill(~counted, 0).sum(1), pixels


@MODELS.register_module()
class DualReconstructionHead(ReconstructionHead):
    """``ReconstructionHead`` of MixMAE: squared error of all cells."""

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
