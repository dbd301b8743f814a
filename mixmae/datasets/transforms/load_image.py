"""Reads any usual image, as the BGR array pipelines expect."""

from os import PathLike

from numpy import ndarray

from mixmae.datasets.images.image_decoding import WHITE, ImageDecoding
from mixmae.datasets.images.image_file import ImageLimits, read_image
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
    - declared transparency is laid over ``background``;
    - 16 bits are scaled to 8: see ``value_range``;
    - of an animation, the first frame;
    - the EXIF orientation is applied, colour profiles are not.

    What cannot become 8-bit RGB without loss is refused as 'unsupported', with
    what the file holds and what to do: further bands, floats and signed
    integers of an unknown range, stacks of images in a TIFF. The decision
    follows from the type that the file declares, never from its pixels, so
    that it is the same for all files of a kind.

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
            of 179 million, against decompression bombs. A larger number
            allows larger files.
        value_range, extra_band: Sample values of black and white, and the
            use of a band beside the colours; see ``ImageDecoding``.

    Raises:
        CorruptImageError: when called on a file that cannot be used; names it
            and one of ``CAUSES``.
    """

    def __init__(
        self,
        background: tuple[int, int, int] = WHITE,
        draft_side: int | None = None,
        min_side: int = 1,
        max_pixels: int | None = None,
        value_range: tuple[float, float] | None = None,
        extra_band: str | None = None,
    ) -> None:
        if draft_side is not None and draft_side < 1:
            raise ValueError(
                f'draft_side must be at least 1 pixel, or None for full '
                f'size, got {draft_side}'
            )
        self.decoding = ImageDecoding(background, extra_band, value_range)
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
            self.decoding,
            content,
            order='BGR',
        ).pixels

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(background={self.decoding.background}, '
            f'draft_side={self.draft_side}, '
            f'min_side={self.limits.min_side}, '
            f'max_pixels={self.limits.max_pixels}, '
            f'value_range={self.decoding.value_range}, '
            f'extra_band={self.decoding.extra_band!r})'
        )
