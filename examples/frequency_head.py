"""Head that also compares the frequencies of images."""

import torch
from torch import Tensor

from mixmae.models.heads.reconstruction_head import (
    PixelTarget,
    ReconstructionHead,
    to_images,
)
from mixmae.registry import MODELS
from mixmae.structures import CellMask


@MODELS.register_module()
class FrequencyHead(ReconstructionHead):
    """``ReconstructionHead`` with an error of Fourier coefficients.

    Args:
        frequency_weight: Weight of that error in the loss.
        options: Arguments of ``ReconstructionHead``.
    """

    def __init__(self, frequency_weight: float = 0.1, **options) -> None:
        super().__init__(**options)
        self.frequency_weight = frequency_weight

    def loss(
        self, prediction: Tensor, images: Tensor, mask: CellMask
    ) -> dict[str, Tensor]:
        """Add ``loss_frequency``, of all cells."""
        losses = super().loss(prediction, images, mask)
        target = PixelTarget.of(images, mask.cell, self.norm_pixels).values
        # float32 under autocast, as the target.
        error = to_images(prediction - target, mask.cell, *images.shape[-2:])
        spectrum = torch.fft.rfft2(error, norm='ortho').abs().mean()
        return {**losses, 'loss_frequency': self.frequency_weight * spectrum}
