"""Resizing of images of any number of channels to a short side."""

from typing import Any

from mixmae.datasets.images.crop_resize import (
    KERNELS,
    CropBox,
    resize_by_pillow,
)
from mixmae.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ResizeShortSide:
    """Resize the shorter side of an image to a length, antialiased.

    Equal to mmpretrain's ``ResizeEdge(edge='short', backend='pillow')``, and
    works for any number of channels and for floats, too.

    Args:
        scale: Length of the shorter side, in pixels.
        interpolation: 'bicubic' or 'bilinear'.

    Raises:
        ValueError: An argument is out of range.
    """

    def __init__(self, scale: int, interpolation: str = 'bicubic') -> None:
        if scale < 1 or interpolation not in KERNELS:
            raise ValueError(
                f'scale must be at least 1 pixel and interpolation one of '
                f'{", ".join(KERNELS)}, got {scale} and {interpolation!r}'
            )
        self.scale = scale
        self.interpolation = interpolation

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Resize ``img``; set ``img_shape``, ``scale``, ``scale_factor``."""
        image = results['img']
        height, width = image.shape[:2]
        short = min(height, width)
        # As mmpretrain: rounded down.
        high = int(self.scale * height / short)
        wide = int(self.scale * width / short)
        results['img'] = resize_by_pillow(
            image,
            CropBox(0, 0, height, width),
            (high, wide),
            self.interpolation,
        )
        results['img_shape'] = (high, wide)
        results['scale'] = (wide, high)
        results['scale_factor'] = (wide / width, high / height)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(scale={self.scale}, '
            f'interpolation={self.interpolation!r})'
        )
