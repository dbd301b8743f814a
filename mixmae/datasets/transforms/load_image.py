"""Reads any image that Pillow reads, as the BGR array pipelines expect."""

from os import PathLike

import cv2
import numpy as np
from numpy import ndarray
from PIL import Image, ImageOps, UnidentifiedImageError

from mixmae.registry import TRANSFORMS


class BrokenImageError(Exception):
    """An image file that cannot be read.

    Args:
        path: the file.
        cause: the error met, or a line of text.
    """

    def __init__(self, path: str, cause: object) -> None:
        # All arguments go to the base class, so that it can be pickled on
        # its way out of a loader's worker.
        super().__init__(path, cause)
        self.path = path
        self.cause = cause

    def __str__(self) -> str:
        reason = self.cause
        if isinstance(reason, BaseException):
            reason = f'{type(reason).__name__}: {reason}'
        return f'cannot read image {self.path} ({reason})'


@TRANSFORMS.register_module()
class LoadImage:
    """Loads ``results['img_path']`` into ``results['img']``.

    A drop-in for mmcv's ``LoadImageFromFile`` on local files: ``img`` is a
    contiguous uint8 BGR array (H, W, 3), ``img_shape`` and ``ori_shape`` are
    (H, W). It reads what image folders of the wild contain:

    - grey, two-level, palette, YCbCr, LAB and CMYK images become RGB;
    - transparency is laid over ``background``;
    - 16 bits are scaled to 8: 65535 is white. 32-bit integers within
      0..65535 count as 16 bits, others are stretched from their minimum to
      their maximum;
    - floats within 0..1 or 0..255 are taken as such, others are stretched;
      NaN is black;
    - of an animation, the first frame;
    - the EXIF orientation is applied.

    Args:
        background: RGB colour under transparent pixels; white by default,
            as a browser shows them.
        draft_side: let a JPEG be decoded at 1/2, 1/4 or 1/8 of its size as
            long as no side falls below this; several times faster for
            photographs that are resized anyway. ``ori_shape`` is then the
            decoded shape. Full size by default.

    Raises:
        BrokenImageError: when called on a file that is missing, truncated,
            no image, or so large (Pillow's limit, 179 million pixels) that
            it must be an attack or a mistake.
    """

    def __init__(
        self,
        background: tuple[int, int, int] = (255, 255, 255),
        draft_side: int | None = None,
    ) -> None:
        if len(background) != 3 or not all(0 <= v <= 255 for v in background):
            raise ValueError(
                f'background must be three values from 0 to 255, '
                f'got {background}'
            )
        if draft_side is not None and draft_side < 1:
            raise ValueError(
                f'draft_side must be at least 1 pixel, or None for full '
                f'size, got {draft_side}'
            )
        self.background = tuple(int(value) for value in background)
        self.draft_side = draft_side

    def __call__(self, results: dict) -> dict:
        """Adds img, img_shape and ori_shape to ``results``."""
        img = self.load(results['img_path'])
        results['img'] = img
        results['img_shape'] = img.shape[:2]
        results['ori_shape'] = img.shape[:2]
        return results

    def load(self, path: str | PathLike) -> ndarray:
        """The image at ``path``: uint8 BGR (H, W, 3)."""
        try:
            with Image.open(path) as image:
                if self.draft_side is not None:
                    image.draft('RGB', (self.draft_side, self.draft_side))
                image.load()
                rgb = self._to_rgb(_upright(image))
        except MemoryError:
            # A matter of the machine, not of the file.
            raise
        except UnidentifiedImageError as error:
            # Its own text is the path again.
            cause = 'no image of a format that Pillow knows'
            raise BrokenImageError(str(path), cause) from error
        except Exception as error:
            # Decoders raise whatever they like on broken data.
            raise BrokenImageError(str(path), error) from error
        return cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)

    def _to_rgb(self, image: Image.Image) -> ndarray:
        if image.mode == 'RGB' and 'transparency' not in image.info:
            return np.asarray(image)
        if image.mode.startswith(('I', 'F')):
            grey = _to_eight_bits(np.asarray(image))
            return np.repeat(grey[..., None], 3, axis=2)
        if image.mode.endswith(('A', 'a')) or 'transparency' in image.info:
            image = image.convert('RGBA')
            below = Image.new('RGBA', image.size, (*self.background, 255))
            image = Image.alpha_composite(below, image)
        return np.asarray(image.convert('RGB'))

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(background={self.background}, '
            f'draft_side={self.draft_side})'
        )


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        # Unreadable EXIF data says nothing about the pixels.
        return image


def _to_eight_bits(values: ndarray) -> ndarray:
    """Grey values of any range, (H, W), as uint8; see ``LoadImage``."""
    wide = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(wide.min()), float(wide.max())
    if np.issubdtype(values.dtype, np.integer):
        full = 65535.0
    else:
        full = 1.0 if high <= 1.0 else 255.0
    if low < 0.0 or high > full:
        wide, full = wide - low, max(high - low, 1e-12)
    return np.round(wide * (255.0 / full)).astype(np.uint8)
