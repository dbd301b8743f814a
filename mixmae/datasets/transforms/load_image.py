"""Reads any usual image, as the BGR array pipelines expect."""

from os import PathLike

from numpy import ndarray

from mixmae.datasets.image_file import WHITE, ImageLimits, read_image
from mixmae.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadImage:
    """Loads ``results['img_path']`` into ``results['img']``.

    A drop-in for mmcv's ``LoadImageFromFile`` on local files: ``img`` is a
    contiguous uint8 BGR array (H, W, 3), ``img_shape`` and ``ori_shape`` are
    (H, W). Where a data set hands on ``img_bytes``, the encoded file, that is
    decoded; ``img_path`` is then a name for messages. An array in ``img`` is
    kept, as it comes from inferencers. It reads what image
    folders of the wild contain:

    - JPEG, PNG, WebP, BMP, TIFF, GIF, JPEG 2000, PPM and AVIF, whatever the
      suffix says;
    - grey, two-level, palette, YCbCr, LAB and CMYK images become RGB;
    - transparency is laid over ``background``;
    - 16 bits are scaled to 8: 65535 is white. 32-bit integers within
      0..65535 count as 16 bits, others are stretched from their minimum to
      their maximum;
    - floats within 0..1 or 0..255 are taken as such, others are stretched;
      NaN is black;
    - of an animation, the first frame;
    - the EXIF orientation is applied.

    Usual JPEGs are decoded by ``simplejpeg`` where it is installed and has no
    objections, all else by Pillow; pixels are the same.

    Args:
        background: RGB colour under transparent pixels; white by default,
            as a browser shows them.
        draft_side: let a JPEG be decoded at 1/2, 1/4 or 1/8 of its size as
            long as no side falls below this; several times faster for
            photographs that are resized anyway. ``ori_shape`` is then the
            decoded shape. Full size by default.
        min_side: files with a shorter side, in pixels, count as broken; 1
            for none. An image of one pixel does no harm, and teaches
            nothing.
        max_pixels: files with more count as broken; None for Pillow's limit
            of 179 million, beyond which it must be an attack or a mistake.

    Raises:
        BrokenImageError: when called on a file that cannot be used; names it
            and one of ``CAUSES``.
    """

    def __init__(
        self,
        background: tuple[int, int, int] = WHITE,
        draft_side: int | None = None,
        min_side: int = 1,
        max_pixels: int | None = None,
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
        self.limits = ImageLimits(min_side, max_pixels)

    def __call__(self, results: dict) -> dict:
        """Adds img, img_shape and ori_shape to ``results``."""
        # Inferencers hand on an array that they have read themselves.
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
        """The image at ``path``: uint8 BGR (H, W, 3).

        Args:
            path: the file.
            content: what is in it, if it is not to be read from ``path``.
        """
        return read_image(
            path,
            self.limits,
            self.draft_side,
            self.background,
            content,
            order='BGR',
        ).pixels

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(background={self.background}, '
            f'draft_side={self.draft_side}, '
            f'min_side={self.limits.min_side}, '
            f'max_pixels={self.limits.max_pixels})'
        )
