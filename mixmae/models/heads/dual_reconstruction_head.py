"""The loss of MixMAE."""

from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor

from mixmae.models.heads.pixel_target import PixelTarget, to_images
from mixmae.registry import MODELS
from mixmae.structures import CellMask


@MODELS.register_module()
class DualReconstructionHead(BaseModule):
    """Mean squared error over all cells of all images.

    2205.13137, section 3.1, "dual reconstruction": each cell is hidden in
    one of the two mixed images that hold its image, and predicted there.

    Args:
        norm_pixels: normalise each target cell by its own mean and
            variance.
    """

    def __init__(
        self, norm_pixels: bool = True, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.norm_pixels = norm_pixels

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
        return {'loss': self.errors(prediction, images, mask).mean()}

    def errors(
        self, prediction: Tensor, images: Tensor, mask: CellMask
    ) -> Tensor:
        """The loss of each image alone, (B,)."""
        target = PixelTarget.of(images, mask.cell, self.norm_pixels).values
        return (prediction - target).square().flatten(1).mean(1)

    def mean_colour(self, images: Tensor, mask: CellMask) -> Tensor:
        """The prediction of each cell's own mean colour, (B, L, 3 cell^2)."""
        target = PixelTarget.of(images, mask.cell, self.norm_pixels)
        return target.mean_colours()

    def reconstruct(
        self, prediction: Tensor, images: Tensor, mask: CellMask
    ) -> Tensor:
        """Predictions as normalised images, (B, 3, H, W).

        With ``norm_pixels`` each cell gets the target's own mean and
        variance back, which a model cannot know: pictures flatter it.
        """
        target = PixelTarget.of(images, mask.cell, self.norm_pixels)
        cells = prediction * target.scale + target.mean
        return to_images(cells, mask.cell, *images.shape[-2:])
