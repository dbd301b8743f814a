"""Crops are resized: exactly as Pillow does, or faster.

Both antialias: when a picture is made smaller, the kernel grows with the
factor. Bicubic kernels have a = -0.5.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy import ndarray
from PIL import Image

from mixmae.datasets.images.crop_box import CropBox

KERNELS = {
    'bicubic': Image.Resampling.BICUBIC,
    'bilinear': Image.Resampling.BILINEAR,
}
# What torch.nn.functional.interpolate(antialias=True) calls. Between the
# images of a loader its checks, cold in the caches, would take as long as half
# of the resizing.
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
    """A crop of an image, resized by Pillow.

    Args:
        pixels: uint8 (H, W, 3).
        box: of the image before it was shrunk.
        size: height and width that the crop is to have.
        kernel: one of ``KERNELS``.
        shrink: the part by which the sides of ``pixels`` have been
            shortened. The box may then begin and end within a pixel.

    Returns:
        uint8 (height, width, 3).
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
    image = Image.fromarray(part)
    return np.array(image.resize(size[::-1], KERNELS[kernel], box=inner))


def resize_by_torch(
    pixels: ndarray, box: CropBox, size: tuple[int, int], kernel: str
) -> ndarray:
    """The same in a quarter of the time, by vector instructions.

    Weights have fewer bits: a value may differ by some units, the whole by 50
    to 70 dB. Boxes are of whole pixels only.
    """
    top, left, height, width = box
    part = pixels[top : top + height, left : left + width]
    # Torch warns of arrays that cannot be written to, as Pillow's.
    if not (part.flags.c_contiguous and part.flags.writeable):
        part = part.copy()
    # A batch of one in channels-last order, which torch has fast code for, if
    # the strides say so to the last one: hence not part[None].
    batch = torch.from_numpy(part).unsqueeze(0).permute(0, 3, 1, 2)
    resized = OPERATORS[kernel](batch, size, False, None)
    return resized[0].permute(1, 2, 0).numpy()
