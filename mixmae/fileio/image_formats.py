"""Image formats that are read: their names, suffixes and packages."""

from __future__ import annotations

import functools
from importlib.util import find_spec

from PIL import Image

# Pillow's names. The most common first: they are tried in this order. Other
# formats of Pillow are left out on purpose: rare decoders had most of its
# security holes, and the EPS decoder runs a PostScript interpreter.
FORMATS = (
    'JPEG', 'PNG', 'WEBP', 'BMP', 'TIFF', 'GIF', 'DIB', 'JPEG2000', 'PPM',
    'AVIF',
)  # fmt: skip
# Packages that read further formats, and the suffixes of these.
PACKAGES = {
    'DICOM': 'pydicom',
    'HEIC': 'pillow-heif',
    'HEIF': 'pillow-heif',
}
OPTIONAL_SUFFIXES = {'.dcm': 'DICOM', '.heic': 'HEIC', '.heif': 'HEIF'}


def has_package(name: str) -> bool:
    """Return True if the package of a format of ``PACKAGES`` is installed."""
    return find_spec(PACKAGES[name].replace('-', '_')) is not None


# Suffixes of the images that are listed below a folder. Others of FORMATS are
# read where a list or a call names the file: they are rarely photographs.
SUFFIXES = (
    '.jpg', '.jpeg', '.jpe', '.png', '.webp', '.bmp', '.tif', '.tiff', '.npy',
    *(end for end, name in OPTIONAL_SUFFIXES.items() if has_package(name)),
)  # fmt: skip
# Suffixes that mmpretrain's class folder datasets read.
READ_BY_MMPRETRAIN = (
    '.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif',
)  # fmt: skip


@functools.cache
def image_formats() -> tuple[str, ...]:
    """Return Pillow's names of the supported formats."""
    # Pillow can be built without some of them.
    Image.init()
    formats: tuple[str, ...] = FORMATS
    if has_package('HEIF'):
        from pillow_heif import register_heif_opener

        register_heif_opener()
        formats = (*FORMATS, 'HEIF')
    return tuple(name for name in formats if name in Image.OPEN)
