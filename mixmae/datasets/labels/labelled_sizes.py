"""Comparison of image size and EXIF orientation with the labelled size.

mmcv's loaders apply the EXIF orientation, as viewers and most annotation
tools do; boxes and label maps are used unchanged. After a quarter turn the
sizes show whether image and labels agree. After a half turn or a flip they
do not, and no other check detects the mismatch.
"""

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image
from PIL.ExifTags import Base as ExifTag

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.image_file import image_header
from mixmae.datasets.labels.label_fault import LabelFault
from mixmae.fileio.image_formats import image_formats

UPRIGHT = 1
MEND = (
    'write upright files (mogrify -auto-orient) if the labels are those of '
    'the picture as viewers show it, else remove the orientation (exiftool '
    '-Orientation=)'
)


class OrientedSize(NamedTuple):
    """Size and EXIF orientation of an image file.

    Attributes:
        width, height: As stored, in pixels.
        orientation: EXIF orientation, 1 to 8; 1 is upright, 5 to 8 are
            quarter turns.
    """

    width: int
    height: int
    orientation: int = UPRIGHT

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height in the file."""
        return self.width, self.height

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height after the orientation is applied."""
        return self.stored[::-1] if self.orientation > 4 else self.stored


class LabelledSize(NamedTuple):
    """An image and the size of its labels.

    Attributes:
        path: Path of the image.
        oriented: Stored size and orientation of the image.
        size: Width and height given by the labels.
    """

    path: str
    oriented: OrientedSize
    size: tuple[int | None, int | None]


def read_oriented_size(source: str | Path | BinaryIO) -> OrientedSize | None:
    """Read size and orientation only; ``None`` if the file is not an image."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            with Image.open(source, formats=image_formats()) as image:
                # Pillow would decode a PNG to find EXIF data after the
                # pixels.
                known = image.format != 'PNG' or 'exif' in image.info
                turn = (
                    image.getexif().get(ExifTag.Orientation, 1) if known else 1
                )
                width, height = image.size
    # Decoders raise arbitrary exceptions; the loader reports the reason.
    except Exception:
        return _declared_size(source)
    valid = isinstance(turn, int) and 1 <= turn <= 8
    return OrientedSize(width, height, turn if valid else UPRIGHT)


def _declared_size(source: str | Path | BinaryIO) -> OrientedSize | None:
    """Read the size of a file that Pillow cannot open, as of many bands."""
    if not isinstance(source, (str, Path)):
        return None
    try:
        return OrientedSize(*image_header(source)[1])
    except (CorruptImageError, OSError):
        return None


def size_faults(
    source: str, images: Iterable[LabelledSize], applied: bool = True
) -> Iterator[LabelFault]:
    """Return labels of another size, and photos of unclear orientation.

    Args:
        source: Source of the labels, for messages.
        images: All images, or a sample.
        applied: Whether the loader applies the EXIF orientation.
    """
    images = list(images)
    stored: list[LabelledSize] = []
    doubtful: list[LabelledSize] = []
    for one in images:
        oriented = one.oriented
        loaded = oriented.upright if applied else oriented.stored
        if one.size in (oriented.stored, oriented.upright):
            if one.size != loaded:
                stored.append(one)
            elif oriented.orientation != UPRIGHT and (
                oriented.upright == oriented.stored
            ):
                doubtful.append(one)
        else:
            yield LabelFault(
                'image of another size',
                f'{source}: {one.path} has {_size(loaded)} (width x height), '
                f'but its labels are for {_size(one.size)}; correct the '
                f'sizes or replace the file',
            )
    if stored:
        first = stored[0]
        yield LabelFault(
            'labels of a turned photo',
            f'{source}: {_share(stored, images)} rotated by 90 degrees on '
            f'loading, but their labels are not (first: {first.path}, EXIF '
            f'orientation {first.oriented.orientation}, labels for '
            f'{_size(first.size)}); {MEND}',
        )
    if doubtful:
        first = doubtful[0]
        does = 'applies' if applied else 'ignores'
        yield LabelFault(
            'labels of a turned photo',
            f'{source}: {_share(doubtful, images)} rotated or flipped by '
            f'EXIF without a change of size (first: {first.path}, '
            f'orientation {first.oriented.orientation}): the loader {does} '
            f'this orientation, and the size does not show whether boxes and '
            f'masks fit; {MEND}',
            'warning',
        )


def _share(some: list, images: list) -> str:
    verb = 'is' if len(some) == 1 else 'are'
    return f'{len(some)} of {len(images)} images {verb}'


def _size(size: tuple[int | None, int | None]) -> str:
    return f'{size[0]} x {size[1]} px'
