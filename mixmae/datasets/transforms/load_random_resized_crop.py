"""Loader of random resized crops that decodes only the required pixels."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from numpy import ndarray

from mixmae.datasets.images.image_diagnosis import jpeg_content
from mixmae.datasets.images.image_file import read_image
from mixmae.datasets.images.jpeg_decoder import (
    JpegHeader,
    decode_jpeg_part,
    fast_path_header,
)
from mixmae.datasets.transforms.batched_transforms import Stages
from mixmae.datasets.transforms.load_image import LoadImage
from mixmae.datasets.transforms.resizing import (
    KERNELS,
    CropBox,
    CropRange,
    resize_by_pillow,
    resize_by_torch,
)
from mixmae.registry import TRANSFORMS

# A JPEG is decoded at a half, a quarter or an eighth of its size if the crop
# then still has this many pixels per output pixel, per side. With 1.0, crops
# have a PSNR of 38 dB against the exact ones on average, but some of only 25.
OVERSAMPLING = 1.5
SHRINKS = (8, 4, 2)
# Decoded images with more bytes are resized at once, to limit memory.
LARGE = 8_000_000


class _Decoded(NamedTuple):
    """Pixels (H, W, bands), and the crop in them.

    Attributes:
        box: Crop in the image before it was shrunk.
        shrink: Factor by which the sides have been reduced.
    """

    pixels: ndarray
    box: CropBox
    shrink: int = 1

    @classmethod
    def cropped(
        cls, pixels: ndarray, box: CropBox, shrink: int = 1
    ) -> _Decoded:
        """Copy the required part of these pixels if they are at full size.

        Copying right after decoding uses pixels that are still cached.
        """
        if shrink > 1:
            return cls(pixels, box, shrink)
        top, left, height, width = box
        part = pixels[top : top + height, left : left + width].copy()
        return cls(part, CropBox(0, 0, height, width))


@TRANSFORMS.register_module()
class LoadRandomResizedCrop(LoadImage):
    """``LoadImage`` and ``RandomResizedCrop`` in one, twice as fast.

    The crop is drawn after reading the file header, so that a JPEG is decoded
    only down to the lower edge of the crop, and large ones at a half, a
    quarter or an eighth of their size. It is resized with antialiasing. Files
    are read and rejected as by ``LoadImage``.

    With ``exact=True`` the result is bit-identical to

        dict(type='mixmae.LoadImage'),
        dict(type='mmpretrain.RandomResizedCrop', scale=..., backend='pillow',
             interpolation=...),

    Otherwise the same crop is drawn, with a PSNR of about 44 dB against these
    pixels (``benchmarks/loader.py`` measures it).

    Adds ``img`` (height, width, channels) of the type of ``LoadImage``,
    ``img_shape`` (height, width), ``ori_shape`` (H, W) of the whole image and
    ``crop_box`` (top, left, height, width) in it.

    Args:
        scale: Height and width of the result; one number for a square.
        crop_ratio_range: Smallest and largest fraction of the image's area.
        aspect_ratio_range: Smallest and largest ratio of width to height.
        max_attempts: Number of draws that may not fit before the centre of
            the image is taken.
        interpolation: 'bicubic' or 'bilinear'.
        exact: Decode all pixels, and resize with Pillow.
        loading: Arguments of ``LoadImage``, except ``draft_side``.

    Raises:
        ValueError: An argument is out of range.
        CorruptImageError: When called on a file that cannot be used.
    """

    def __init__(
        self,
        scale: int | Sequence[int],
        crop_ratio_range: Sequence[float] = (0.08, 1.0),
        aspect_ratio_range: Sequence[float] = (3 / 4, 4 / 3),
        max_attempts: int = 10,
        interpolation: str = 'bicubic',
        exact: bool = False,
        **loading: Any,
    ) -> None:
        super().__init__(draft_side=None, **loading)
        self.size = _checked_size(scale)
        self.range = CropRange(
            _checked_range('crop_ratio_range', crop_ratio_range, 1.0),
            _checked_range('aspect_ratio_range', aspect_ratio_range),
            max_attempts,
        )
        if interpolation not in KERNELS:
            raise ValueError(
                f'interpolation must be one of {", ".join(KERNELS)}, got '
                f'{interpolation!r}'
            )
        if max_attempts < 0:
            raise ValueError(
                f'max_attempts must be 0 or more, got {max_attempts}'
            )
        self.interpolation = interpolation
        self.exact = exact

    def __call__(self, results: dict) -> dict:
        """Add the crop to ``results``."""
        results = self._draw(self._read(results))
        return self._resize(self._decode(results))

    def stages(self) -> Stages:
        """Return the stages, see ``BatchedPipeline``."""
        return Stages(self._read, self._draw, self._decode, self._resize)

    def _read(self, results: dict) -> dict:
        """Read JPEGs.

        Adds ``img_bytes`` and ``header``, which is None where a crop can only
        be drawn after decoding.
        """
        path = os.fspath(results['img_path'])
        data = jpeg_content(path, results.get('img_bytes'))
        header = None
        if data is not None:
            results['img_bytes'] = data
            if not self.exact and self.decoding.channels in (1, 3):
                header = fast_path_header(path, data, self.limits)
        results['header'] = header
        return results

    def _draw(self, results: dict) -> dict:
        """Draw the crop; decode images without a usable header."""
        header = results['header']
        if header is None:
            path, content = results['img_path'], results.pop('img_bytes', None)
            pixels = self.load(path, content)
            whole = pixels.shape[0], pixels.shape[1]
        else:
            whole = header.height, header.width
        box = self.range.draw(*whole)
        results['ori_shape'], results['crop_box'] = whole, box
        if header is None:
            return self._keep(results, _Decoded.cropped(pixels, box))
        return results

    def _decode(self, results: dict) -> dict:
        """Decode the required part of a JPEG."""
        header = results.pop('header')
        if header is not None:
            path, box = os.fspath(results['img_path']), results['crop_box']
            data = results.pop('img_bytes')
            decoded = self._from_jpeg(path, data, header, box)
            return self._keep(results, decoded)
        return results

    def _keep(self, results: dict, decoded: _Decoded) -> dict:
        """Add ``decoded``, or ``img`` at once if it is too large to keep."""
        results['decoded'] = decoded
        large = decoded.pixels.nbytes > LARGE
        return self._resize(results) if large else results

    def _resize(self, results: dict) -> dict:
        """Replace ``decoded`` by ``img``, if not done yet."""
        if 'decoded' not in results:
            return results
        pixels, box, shrink = results.pop('decoded')
        size, kernel = self.size, self.interpolation
        if self.exact or shrink > 1:
            # In shrunk pixels, boxes may begin at fractions of a pixel.
            image = resize_by_pillow(pixels, box, size, kernel, shrink)
        else:
            image = resize_by_torch(pixels, box, size, kernel)
        # Of a JPEG three bands of 8 bits were decoded.
        results['img'] = self.decoding.of_pixels(image, 'BGR')
        results['img_shape'] = size
        return results

    def _from_jpeg(
        self, path: str, data: bytes, header: JpegHeader, box: CropBox
    ) -> _Decoded:
        """Return the crop of a JPEG, from as few pixels as required."""
        shrink = self._shrink(box)
        bottom = box.top + box.height
        pixels = decode_jpeg_part(data, header, bottom, shrink)
        if pixels is not None:
            return _Decoded.cropped(pixels, box, shrink)
        if shrink == 1:
            return _Decoded.cropped(self.load(path, data), box)
        # Pillow decodes at reduced scale, too.
        side = min(header.height, header.width) // shrink
        content = read_image(
            path, self.limits, side, self.decoding, data, 'BGR'
        )
        pixels = content.pixels
        if pixels.shape[1] != -(-header.width // shrink):
            return _Decoded.cropped(self.load(path, data), box)
        return _Decoded(pixels, box, shrink)

    def _shrink(self, box: CropBox) -> int:
        """Return the factor by which a JPEG may be shrunk during decoding."""
        height, width = self.size
        ratio = min(box.height / height, box.width / width)
        fitting = (n for n in SHRINKS if n * OVERSAMPLING <= ratio)
        return next(fitting, 1)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(scale={self.size}, '
            f'crop_ratio_range={self.range.area}, '
            f'aspect_ratio_range={self.range.aspect}, '
            f'max_attempts={self.range.attempts}, '
            f'interpolation={self.interpolation!r}, exact={self.exact}, '
            f'{self.decoding}, {self.limits})'
        )


def _checked_size(scale: int | Sequence[int]) -> tuple[int, int]:
    sides = tuple(scale) if isinstance(scale, Sequence) else (scale, scale)
    if len(sides) != 2 or not all(
        isinstance(side, int) and side > 0 for side in sides
    ):
        raise ValueError(
            'scale must be one side or (height, width), positive integers, '
            f'got {scale!r}'
        )
    return sides


def _checked_range(
    name: str, values: Sequence[float], most: float = math.inf
) -> tuple[float, float]:
    if len(values) != 2 or not 0 < values[0] <= values[1] <= most:
        limit = '' if most == math.inf else f' and at most {most:g}'
        raise ValueError(
            f'{name} must be (smallest, largest), above 0{limit}, got '
            f'{tuple(values)}'
        )
    return values[0], values[1]
