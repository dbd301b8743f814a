"""Transform that loads an image file into an array, by ``image_file``."""

from os import PathLike
from typing import Literal

from numpy import ndarray

from mixmae.datasets.images.image_decoding import WHITE, ImageDecoding
from mixmae.datasets.images.image_file import ImageLimits, read_image
from mixmae.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadImage:
    """Load ``results['img_path']`` into ``results['img']``.

    Replaces mmcv's ``LoadImageFromFile`` for local files: ``img`` is a
    contiguous array (H, W, channels), BGR if there are three channels, of
    uint8 or, with ``value_range``, of float32 from 0 to 255; ``img_shape`` and
    ``ori_shape`` are (H, W). If a dataset provides ``img_bytes``, the encoded
    file, that is decoded; ``img_path`` is then only a name for messages. An
    existing array in ``img``, as passed by inferencers, is kept.

    The formats of ``fileio.image_formats`` are read, whatever the suffix is.
    Declared transparency is composited over ``background``, samples of other
    than 8 bits are scaled by ``value_range``, the first frame of an animation
    is taken, the EXIF orientation is applied, colour profiles are not. Images
    that cannot become the channels without loss are rejected as
    'unsupported', with their type and a remedy; the decision depends on the
    type declared by the file, see ``ImageDecoding``. docs/data.md has a table
    of all kinds.

    Usual JPEGs are decoded by ``simplejpeg`` where it is installed and accepts
    the file, everything else by Pillow; pixels are the same.

    Args:
        background: RGB colour under transparent pixels; white by default, as
            in a browser.
        draft_side: Decode a JPEG at 1/2, 1/4 or 1/8 of its size as long as no
            side is shorter than this; several times faster for photographs
            that are resized anyway. ``ori_shape`` is then the decoded shape.
            Full size by default.
        min_side: Files with a shorter side, in pixels, count as corrupt; 1
            for no limit. An image of one pixel is harmless but useless.
        max_pixels: Files with more pixels count as corrupt; None for Pillow's
            limit of 179 million, against decompression bombs. A larger number
            allows larger files.
        value_range, extra_band: Sample values of black and white, and the use
            of an additional band; see ``ImageDecoding``. 'auto' is replaced by
            ``tools/train.py`` and ``mixmae``; without them it reads 8-bit
            images and rejects 16-bit ones.
        channels: Number of channels of ``img``, that of the network's
            ``in_channels``.

    Raises:
        CorruptImageError: When called on a file that cannot be used; names it
            and one of ``CAUSES``.
    """

    def __init__(
        self,
        background: tuple[int, int, int] = WHITE,
        draft_side: int | None = None,
        min_side: int = 1,
        max_pixels: int | None = None,
        value_range: tuple[float, float] | Literal['auto'] | None = None,
        extra_band: str | None = None,
        channels: int = 3,
    ) -> None:
        if draft_side is not None and draft_side < 1:
            raise ValueError(
                f'draft_side must be at least 1 pixel, or None for full '
                f'size, got {draft_side}'
            )
        self.decoding = ImageDecoding(
            background,
            extra_band,
            None if value_range == 'auto' else value_range,
            channels,
            assume_range=value_range != 'auto',
        )
        self.draft_side = draft_side
        self.limits = ImageLimits(min_side, max_pixels)

    def __call__(self, results: dict) -> dict:
        """Add img, img_shape and ori_shape to ``results``."""
        # Inferencers pass an array that they have loaded themselves.
        if 'img_path' not in results and 'img' in results:
            results['img_shape'] = results['img'].shape[:2]
            results['ori_shape'] = results['img'].shape[:2]
            return results
        content = results.pop('img_bytes', None)
        img = self.load(results['img_path'], content)
        results['img'] = img
        results['img_shape'] = img.shape[:2]
        results['ori_shape'] = img.shape[:2]
        return results

    def load(
        self, path: str | PathLike, content: bytes | None = None
    ) -> ndarray:
        """Load the image at ``path``, or its given content."""
        return read_image(
            path,
            self.limits,
            self.draft_side,
            self.decoding,
            content,
            order='BGR',
        ).pixels

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(draft_side={self.draft_side}, '
            f'{self.decoding}, {self.limits})'
        )
