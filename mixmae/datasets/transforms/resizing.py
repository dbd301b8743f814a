"""Crops and resizing of images: identical to Pillow, or faster.

``LoadRandomResizedCrop`` chooses the kernel and the variant.

Both variants antialias: when downsampling, the kernel grows with the factor.
Bicubic kernels have a = -0.5.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy import ndarray
from PIL import Image

from mixmae.registry import TRANSFORMS

KERNELS = {
    'bicubic': Image.Resampling.BICUBIC,
    'bilinear': Image.Resampling.BILINEAR,
}
# torch.nn.functional.interpolate(antialias=True) calls this function. In a
# loader the checks of the former run with cold caches and would take half as
# long as the resizing.
OPERATORS = {
    'bicubic': torch._C._nn._upsample_bicubic2d_aa,
    'bilinear': torch._C._nn._upsample_bilinear2d_aa,
}


def resize_by_pillow(
    pixels: ndarray,
    box: CropBox,
    size: tuple[int, int],
    kernel: str,
    shrink: int = 1,
) -> ndarray:
    """Resize a crop of an image with Pillow.

    Args:
        pixels: uint8 or float32 (H, W, channels).
        box: Crop in the image before it was shrunk.
        size: Height and width of the result.
        kernel: One of ``KERNELS``.
        shrink: Factor by which the sides of ``pixels`` have been reduced.
            The box may then begin and end at fractions of a pixel.

    Returns:
        (height, width, channels) of the same type.
    """
    top, left = box.top // shrink, box.left // shrink
    bottom = -(-(box.top + box.height) // shrink)
    right = -(-(box.left + box.width) // shrink)
    part = np.ascontiguousarray(pixels[top:bottom, left:right])
    inner = (
        box.left / shrink - left,
        box.top / shrink - top,
        (box.left + box.width) / shrink - left,
        (box.top + box.height) / shrink - top,
    )
    # Pillow has no image of floats, or of many bands; alpha would be weighed.
    whole = part.dtype == np.uint8 and part.shape[2] == 3
    images = [part] if whole else [*np.moveaxis(part, 2, 0)]
    resized = [
        np.array(
            Image.fromarray(np.ascontiguousarray(image)).resize(
                size[::-1], KERNELS[kernel], box=inner
            )
        )
        for image in images
    ]
    return resized[0] if whole else np.dstack(resized)


def resize_by_torch(
    pixels: ndarray, box: CropBox, size: tuple[int, int], kernel: str
) -> ndarray:
    """Resize a crop four times faster, with vector instructions.

    Weights have fewer bits: single values differ by a few units, PSNR is 50
    to 70 dB. Boxes must have integer pixel coordinates.
    """
    top, left, height, width = box
    part = pixels[top : top + height, left : left + width]
    # torch warns about read-only arrays, such as Pillow's.
    if not (part.flags.c_contiguous and part.flags.writeable):
        part = part.copy()
    # torch has a fast path for a batch of one in channels-last order, which it
    # recognises only if all strides match: hence not part[None].
    batch = torch.from_numpy(part).unsqueeze(0).permute(0, 3, 1, 2)
    resized = OPERATORS[kernel](batch, size, False, None)
    return resized[0].permute(1, 2, 0).numpy()


class CropBox(NamedTuple):
    """A rectangle of an image, in whole pixels."""

    top: int
    left: int
    height: int
    width: int


class CropRange(NamedTuple):
    """Distribution of random crops.

    Attributes:
        area: Smallest and largest area, as fractions of the image's area.
        aspect: Smallest and largest ratio of width to height.
        attempts: Number of draws that may not fit before the centre of the
            image is taken.
    """

    area: tuple[float, float]
    aspect: tuple[float, float]
    attempts: int

    def draw(self, height: int, width: int) -> CropBox:
        """Draw a crop of an image of this size, in pixels.

        Area and logarithm of the aspect ratio are uniform. The calls of
        NumPy's global generator are those of mmpretrain's
        ``RandomResizedCrop``, in the same order, so both draw the same crops.
        """
        shortest, longest = map(math.log, self.aspect)
        for _ in range(self.attempts):
            area = np.random.uniform(*self.area) * (height * width)
            aspect = math.exp(np.random.uniform(shortest, longest))
            wide = round(math.sqrt(area * aspect))
            high = round(math.sqrt(area / aspect))
            if 0 < wide <= width and 0 < high <= height:
                top = np.random.randint(0, height - high + 1)
                left = np.random.randint(0, width - wide + 1)
                return CropBox(int(top), int(left), high, wide)
        return self._middle(height, width)

    def _middle(self, height: int, width: int) -> CropBox:
        """Return the largest centre crop of an allowed aspect ratio."""
        high, wide = height, width
        if width / height < min(self.aspect):
            high = max(1, round(width / min(self.aspect)))
        elif width / height > max(self.aspect):
            wide = max(1, round(height * max(self.aspect)))
        return CropBox((height - high) // 2, (width - wide) // 2, high, wide)


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
