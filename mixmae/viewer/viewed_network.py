"""Network of a viewer: features of an image, and of its points."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from mmengine.config import Config
from numpy import ndarray
from PIL import Image
from torch import Tensor, nn

from mixmae.apis.image_preparation import ImagePreparation, to_tensor
from mixmae.fileio.shown_text import shown_line
from mixmae.visualization.pictures import embedded_image, loaded_pixels

# Longest sides of pictures on the page, in pixels.
LONGEST = 768
THUMBNAIL = 96


class ViewedNetwork(ABC):
    """A checkpoint that answers the questions of a viewer.

    Args:
        checkpoint: The file, for its name on the page.
        model: The network, with a ``backbone``.
        cfg: Its config, with the test pipeline.
        normalise: Converts pixels (B, C, H, W) to inputs of the backbone.
    """

    # What the network predicts, such as 'reconstruction'.
    kind: str

    def __init__(
        self,
        checkpoint: str | os.PathLike,
        model: nn.Module,
        cfg: Config,
        normalise: Callable[[Tensor], Tensor],
    ) -> None:
        self.model: Any = model
        self.prepare = ImagePreparation(cfg, 'pipeline')
        self.normalise = normalise
        self.device = next(model.parameters()).device
        self.name = shown_line('/'.join(Path(checkpoint).parts[-2:]))

    @abstractmethod
    def about(self) -> dict[str, Any]:
        """Return ``name``, ``kind`` and ``method`` for the page."""

    def load(self, path: str | os.PathLike) -> Tensor:
        """Read an image as the network's test pipeline prepares it.

        Returns:
            (channels, H, W), 0 to 255, BGR of three channels.

        Raises:
            ValueError: The file is not a readable image.
        """
        name = os.fspath(path)
        return self.prepare(self.prepare.load(name), 0, name)

    def thumbnail(self, path: str | os.PathLike) -> Image.Image:
        """Return a small RGB picture of an image file.

        Raises:
            ValueError: The file is not a readable image.
        """
        image = to_tensor(self.prepare.load(os.fspath(path)))
        picture = Image.fromarray(loaded_pixels(image))
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
        return picture

    @torch.no_grad()
    def similarity(self, image: Tensor, y: float, x: float) -> dict[str, Any]:
        """Compare the feature at a point with those at all others.

        Args:
            image: (channels, H, W).
            y: Place of the point as a share of the height, 0 to 1.
            x: The same of the width.

        Returns:
            ``image``: cosine similarities as a ``data:`` address;
            ``original``: the image they belong to; ``low``: the least of the
            similarities, drawn black.
        """
        maps = nn.functional.normalize(self._features(image[None]), dim=1)
        # Between the centres of tokens features are interpolated.
        place = torch.tensor([[[[2 * x - 1, 2 * y - 1]]]], dtype=maps.dtype)
        point = nn.functional.grid_sample(
            maps, place, padding_mode='border', align_corners=False
        )
        found = nn.functional.cosine_similarity(maps, point, dim=1)[None]
        low = float(found.min())
        shares = (found - low) / (1 - low) if low < 1 - 1e-6 else found
        fine = nn.functional.interpolate(
            shares, image.shape[1:], mode='bilinear'
        )[0, 0]
        return {
            'image': heat_map(fine.numpy()),
            'original': embedded_image(loaded_pixels(image), LONGEST),
            'low': round(low, 3),
        }

    @torch.no_grad()
    def embedding(self, image: Tensor) -> Tensor:
        """Mean feature of an image, of unit length, (C,)."""
        feature = self._features(image[None])[0].mean((1, 2))
        return nn.functional.normalize(feature, dim=0)

    def _features(self, images: Tensor) -> Tensor:
        """Last maps of whole images, (B, C, h, w), on the CPU."""
        inputs = self.normalise(images.to(self.device))
        found = self.model.backbone(inputs)[-1].float().cpu()
        if not found.isfinite().all():
            raise ValueError(f'{self.name}: features are not finite')
        return found


def heat_map(shares: ndarray) -> str:
    """Return values in 0..1 as colours, a ``data:`` address."""
    colours = colormaps['magma'](np.clip(shares, 0, 1))[..., :3]
    pixels = (colours * 255).round().astype(np.uint8)
    return embedded_image(pixels, LONGEST)
