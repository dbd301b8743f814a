"""The loss of UM-MAE and SimMIM."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor

from mixmae.models.heads.pixel_target import PixelTarget, to_images
from mixmae.registry import MODELS
from mixmae.structures import CellMask

# The error of a number, and what is added to the count of hidden pixels.
# QUIRK(SimMIM): simmim.py:98-121 divides by the hidden pixels plus 1e-5.
_LOSSES = {'mse': (torch.square, 0.0), 'l1': (torch.abs, 1e-5)}


@MODELS.register_module()
class MaskedReconstructionHead(BaseModule):
    """Mean error over the hidden cells; the others carry no loss.

    Squared error of normalised cells is MAE's and UM-MAE's loss (2205.10063,
    section 3), absolute error of plain pixels SimMIM's.

    Args:
        norm_pixels: normalise each target cell by its own mean and
            variance.
        loss: 'mse' or 'l1'.

    Raises:
        ValueError: an unknown ``loss``.
    """

    def __init__(
        self,
        norm_pixels: bool = True,
        loss: str = 'mse',
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if loss not in _LOSSES:
            raise ValueError(f"loss must be 'mse' or 'l1', got {loss!r}")
        self.norm_pixels = norm_pixels
        self.kind = loss

    def loss(
        self, prediction: Tensor, images: Tensor, mask: CellMask
    ) -> dict[str, Tensor]:
        """The training loss.

        Args:
            prediction: (B, L, 3 cell^2), as ``neck.reveal`` gives it.
            images: (B, 3, H, W), normalised by the preprocessor.
            mask: the cells that were hidden.

        Returns:
            ``loss``, a scalar.
        """
        sums, pixels = self._sums(prediction, images, mask)
        eps = _LOSSES[self.kind][1]
        return {'loss': sums.sum() / (pixels.sum() + eps) / 3}

    def errors(
        self, prediction: Tensor, images: Tensor, mask: CellMask
    ) -> Tensor:
        """The loss of each image alone, (B,)."""
        sums, pixels = self._sums(prediction, images, mask)
        return sums / (pixels + _LOSSES[self.kind][1]) / 3

    def mean_colour(self, images: Tensor, mask: CellMask) -> Tensor:
        """The prediction of each cell's own mean colour, (B, L, 3 cell^2)."""
        target = PixelTarget.of(images, mask.cell, self.norm_pixels)
        return target.mean_colours()

    def reconstruct(
        self, prediction: Tensor, images: Tensor, mask: CellMask
    ) -> Tensor:
        """Normalised images (B, 3, H, W), their hidden cells predicted.

        With ``norm_pixels`` each of these gets the target's own mean and
        variance back, which a model cannot know: pictures flatter it.
        """
        target = PixelTarget.of(images, mask.cell, self.norm_pixels)
        cells = prediction * target.scale + target.mean
        predicted = to_images(cells, mask.cell, *images.shape[-2:])
        return torch.where(mask.at_stride(1)[:, None], predicted, images)

    def _sums(
        self, prediction: Tensor, images: Tensor, mask: CellMask
    ) -> tuple[Tensor, Tensor]:
        """Summed errors and numbers of hidden pixels per image, (B,) both."""
        target = PixelTarget.of(images, mask.cell, self.norm_pixels).values
        hidden = mask.hidden.flatten(1).expand(len(images), -1)
        error = _LOSSES[self.kind][0](prediction - target).sum(2)
        pixels = hidden.sum(1).to(error.dtype) * mask.cell**2
        return error.masked_fill(~hidden, 0).sum(1), pixels
