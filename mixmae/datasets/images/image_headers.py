"""Headers of image files: their kind, read without decoding."""

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

from mixmae.datasets.images.image_kind import UNMARKED, ImageKind
from mixmae.datasets.images.jpeg_decoder import START, unsupported_frame
from mixmae.fileio.image_formats import PACKAGES, has_package

HEAD = 1024
NPY, DICOM = b'\x93NUMPY', b'DICM'
PNG = b'\x89PNG\r\n\x1a\n'
# Classic TIFF and BigTIFF, little- and big-endian.
TIFF = (b'II*\0', b'II+\0', b'MM\0*', b'MM\0+')
# Raw codestream, and boxes.
JPEG2000 = (b'\xff\x4f\xff\x51', b'\x00\x00\x00\x0cjP  \r\n\x87\n')
# PNG 1.2, section 4.1.1: colour model, bands, transparency.
PNG_COLOURS = {
    0: ('grey', 1, ''),
    2: ('RGB', 3, ''),
    3: ('palette', 1, ''),
    4: ('grey', 2, 'straight'),
    6: ('RGB', 4, 'straight'),
}
PPM = re.compile(rb'P([2356])\s+\d+\s+\d+\s+(\d+)\s')
# Image formats that are not decoded here, by their first bytes.
OTHER_FORMATS = (
    (b'\xff\x0a', 'JPEG XL'),
    (b'\x00\x00\x00\x0cJXL ', 'JPEG XL'),
    (b'8BPS', 'Photoshop'),
    (b'\x76\x2f\x31\x01', 'OpenEXR'),
    (b'#?R', 'Radiance HDR'),
    (b'SIMPLE  =', 'FITS'),
    (b'\x89HDF', 'HDF5'),
    (b'DDS ', 'DirectDraw'),
    (b'qoif', 'QOI'),
    (b'\x00\x00\x01\x00', 'icon'),
    (b'P7\n', 'PAM'),
    (b'PF\n', 'PFM in colour'),
    (b'FUJIFILMCCD-RAW', 'raw camera'),
    (b'IIRO', 'raw camera'),
    (b'IIRS', 'raw camera'),
    (b'IIU\x00', 'raw camera'),
)
# Major brands of ISO base media files.
BRANDS = {
    b'heic': 'HEIC', b'heix': 'HEIC', b'heim': 'HEIC', b'heis': 'HEIC',
    b'hevc': 'HEIC', b'hevx': 'HEIC', b'mif1': 'HEIF', b'msf1': 'HEIF',
    b'avif': 'AVIF', b'avis': 'AVIF', b'crx ': 'raw camera',
}  # fmt: skip
# Channel types in the channel definition box (ISO 15444-1, I.5.3.6).
OPACITY = {1: 'straight', 2: 'premultiplied'}


def declared_kind(file: BinaryIO) -> ImageKind | None:
    """Return the kind of the image in a file; changes the file's position.

    Returns:
        ``None`` for formats that Pillow's mode describes completely, and for
        damaged headers.
    """
    file.seek(0)
    head = file.read(HEAD)
    try:
        if head.startswith(PNG):
            return _png_kind(head)
        # Parsers of rare formats are imported with their first file.
        if head.startswith(TIFF):
            from mixmae.datasets.images.tiff_header import tiff_kind

            return tiff_kind(file)
        if head.startswith(JPEG2000):
            return jpeg2000_kind(file)
        if head.startswith(NPY):
            from mixmae.datasets.images.npy_samples import npy_kind

            return npy_kind(file)
        if head[128:132] == DICOM and has_package('DICOM'):
            from mixmae.datasets.images.dicom_samples import dicom_kind

            return dicom_kind(file)
        return _ppm_kind(head)
    except (EOFError, KeyError, IndexError, struct.error):
        return None


def other_format(head: bytes) -> str:
    """Return the name of an unsupported image format, else ''."""
    if head[4:8] == b'ftyp':
        return BRANDS.get(head[8:12], '')
    if head[128:132] == DICOM:
        return 'DICOM'
    names = (name for start, name in OTHER_FORMATS if head.startswith(start))
    return next(names, '')


def undecoded(file: BinaryIO) -> str:
    """Name the content of an intact file that Pillow does not open.

    Returns:
        '' for files that are damaged or not images.
    """
    kind = declared_kind(file)
    if kind is not None and kind.format in ('TIFF', 'JPEG2000'):
        unusual = kind.obstacle or kind.extra or kind.wide
        return str(kind) if unusual else ''
    file.seek(0)
    head = file.read(HEAD)
    if head.startswith(START):
        frame = unsupported_frame(head + file.read())
        return f'JPEG, {frame}' if frame else ''
    name = other_format(head)
    if name in PACKAGES and not has_package(name):
        return f'{name}, which pip install {PACKAGES[name]} reads'
    return f'{name}, an unsupported format' if name else ''


def _png_kind(head: bytes) -> ImageKind:
    bits, number = head[24], head[25]
    colours, bands, alpha = PNG_COLOURS[number]
    return ImageKind(
        'PNG', colours, bands, bits, alpha=alpha, white=2**bits - 1
    )


def _ppm_kind(head: bytes) -> ImageKind | None:
    """Return the kind of a grey or colour PPM; its header names white."""
    if head[:1] != b'P':
        return None
    if head[:3] == b'Pf\n':
        return ImageKind('PPM', 'grey', 1, 32, 'float')
    found = PPM.match(re.sub(rb'#[^\n]*\n', b'\n', head))
    if found is None:
        return None
    colours, bands = ('RGB', 3) if found[1] in b'36' else ('grey', 1)
    white = int(found[2])
    return ImageKind('PPM', colours, bands, white.bit_length(), white=white)


def jpeg2000_kind(file: BinaryIO) -> ImageKind:
    """Return the kind of a JPEG 2000 file, raw codestream or in boxes.

    Raises:
        EOFError: The file ends in its header.
        KeyError, struct.error: The header is damaged.
    """
    file.seek(0)
    opacity: dict[int, str] = {}
    palette = False
    if file.read(4) != JPEG2000[0]:
        for name, start, end in _boxes(file, 0, None):
            if name == b'jp2h':
                for inner, at, stop in _boxes(file, start, end):
                    palette |= inner == b'pclr'
                    if inner == b'cdef':
                        opacity = _opacity(_read_at(file, at, stop - at))
            elif name == b'jp2c':
                file.seek(start + 4)
                break
    # SIZ: length, capabilities, eight 32-bit sizes; then the components.
    head = _read_at(file, file.tell(), 38)
    bands = struct.unpack('>H', head[36:])[0]
    depths = _read_at(file, file.tell(), 3 * bands)[::3]
    bits, signed = (depths[0] & 127) + 1, bool(depths[0] & 128)
    colour_bands = 1 if bands < 3 else 3
    extra = bands - colour_bands
    alpha = opacity.get(bands - 1, '') if extra == 1 else ''
    obstacle = ''
    if len(set(depths)) > 1:
        obstacle = 'with bands of different types'
    elif signed or (bits > 15 and bands > 1):
        obstacle = 'which are not supported in JPEG 2000'
    return ImageKind(
        'JPEG2000',
        'palette' if palette else 'grey' if colour_bands == 1 else 'RGB',
        bands,
        bits,
        'int' if signed else 'uint',
        alpha,
        0 if alpha else extra,
        UNMARKED,
        None if signed or bits > 16 else 2**bits - 1,
        obstacle=obstacle,
    )


def _opacity(data: bytes) -> dict[int, str]:
    """Return transparency by channel, from a channel definition box."""
    channels = struct.iter_unpack(
        '>HHH', data[2 : 2 + (len(data) - 2) // 6 * 6]
    )
    return {
        channel: OPACITY[type_]
        for channel, type_, _ in channels
        if type_ in OPACITY
    }


def _boxes(
    file: BinaryIO, start: int, end: int | None
) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of the content of each box."""
    while end is None or start + 8 <= end:
        size, name = struct.unpack('>L4s', _read_at(file, start, 8))
        content = start + 8
        if size == 1:
            size = struct.unpack('>Q', _read_at(file, content, 8))[0]
            content += 8
        # A size of 0 means up to the end of the file.
        stop = start + size if size else 2**63
        if stop < content:
            raise KeyError('size of a box')
        yield name, content, stop
        start = stop


def _read_at(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    data = file.read(size)
    if len(data) < size:
        raise EOFError('the file ends in its header')
    return data
