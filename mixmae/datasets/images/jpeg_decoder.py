"""JPEG files: their header, and a fast decoder where it is installed.

``simplejpeg`` is a thin wrapper of libjpeg-turbo: it decodes from memory,
writes BGR, and decodes at a reduced scale, which ``LoadRandomResizedCrop``
chooses. Pillow uses the same library: pixels of ``decode_jpeg`` are
bit-identical.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from numpy import ndarray
from PIL import Image
from PIL.ExifTags import Base as ExifTag

from mixmae.datasets.images.image_kind import ImageLimits

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

START = b'\xff\xd8\xff'
END = b'\xff\xd9'
EXIF = b'Exif\x00\x00'
XMP = b'http://ns.adobe.com/xap/'
# Frame markers (ITU T.81, table B.1); the others in their range are tables.
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# Those that every decoder supports: baseline, extended sequential,
# progressive; Huffman-coded.
PROGRESSIVE = 0xC2
USUAL_FRAMES = (0xC0, 0xC1, PROGRESSIVE)
LOSSLESS, HIERARCHICAL = (0xC3, 0xC7, 0xCB, 0xCF), (0xC5, 0xC6, 0xCD, 0xCE)
# Precision, height, width and number of bands in a frame segment.
FRAME, HEIGHT = struct.Struct('>BHHB'), struct.Struct('>H')
SCAN = 0xDA
APP1 = 0xE1
# Extra rows below the last required one: its colours are interpolated from
# them where chroma is stored at half the resolution.
CONTEXT = 2


class JpegHeader(NamedTuple):
    """Header of an upright grey or colour JPEG of 8 bits.

    Attributes:
        height, width: In pixels.
        height_at: Offset of the height in the file, two bytes, big-endian.
        baseline: Rows are stored in order, so that the top ones can be
            decoded alone; progressive files store several passes.
    """

    height: int
    width: int
    height_at: int
    baseline: bool


def read_jpeg_header(data: bytes | memoryview) -> JpegHeader | None:
    """Return the header of an encoded image if it is a usual JPEG.

    Returns:
        None for other formats and unusual JPEGs: CMYK, more than 8 bits,
        turned by EXIF or XMP, damaged. Pillow handles these.
    """
    found: JpegHeader | None = None
    for marker, start, end in _segments(data):
        if marker == SCAN:
            return found
        if marker in USUAL_FRAMES:
            if found is not None or end - start < 6 or end > len(data):
                return None
            bits, height, width, bands = FRAME.unpack_from(data, start)
            # A height of 0 means that it follows after the pixels.
            if bits != 8 or bands not in (1, 3) or not height * width:
                return None
            found = JpegHeader(height, width, start + 1, marker != PROGRESSIVE)
        elif marker == APP1:
            if _may_be_turned(bytes(data[start:end])):
                return None
        elif marker in FRAMES:
            return None
    return None


def unsupported_frame(data: bytes | memoryview) -> str:
    """Name the property of a JPEG that 8-bit decoders do not support.

    Returns:
        For example 'lossless'; '' for usual files, damaged ones and other
        formats.
    """
    for marker, start, _ in _segments(data):
        if marker not in FRAMES or start + 8 > len(data):
            continue
        bits, _, _, bands = FRAME.unpack_from(data, start)
        if marker in LOSSLESS:
            return 'lossless'
        if marker in HIERARCHICAL:
            return 'hierarchical'
        if bits != 8:
            return f'{bits} bits per sample'
        return '' if bands in (1, 3, 4) else f'{bands} bands'
    return ''


def _segments(data: bytes | memoryview) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment; the first scan is last.

    Yields nothing for other formats; ends early where a file is damaged.
    """
    at = 2 if data[:3] == START else len(data)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        end = at + 2 + (data[at + 2] << 8 | data[at + 3])
        yield marker, at + 4, end
        if marker == SCAN:
            return
        at = end


def _may_be_turned(segment: bytes) -> bool:
    """Return True if EXIF or XMP data may declare another orientation."""
    if segment.startswith(XMP):
        return b'Orientation' in segment
    if not segment.startswith(EXIF):
        return False
    exif = Image.Exif()
    try:
        exif.load(segment)
        return exif.get(ExifTag.Orientation, 1) != 1
    except Exception:
        # Parsers raise arbitrary exceptions on arbitrary data.
        return True


def decode_jpeg(data: bytes | memoryview, order: str) -> ndarray | None:
    """Decode all pixels, as Pillow would.

    Args:
        data: Content of a file with a ``JpegHeader``.
        order: 'RGB' or 'BGR'.

    Returns:
        uint8 (H, W, 3); None if the decoder is not installed or rejects the
        file. It is strict; Pillow may accept the file.
    """
    if simplejpeg is None:
        return None
    try:
        return simplejpeg.decode_jpeg(data, order)
    except ValueError:
        return None


def decode_jpeg_part(
    data: bytes | memoryview,
    header: JpegHeader,
    bottom: int,
    shrink: int,
) -> ndarray | None:
    """Decode fewer pixels, faster and less exactly.

    Rows below ``bottom`` are skipped where the file allows it: a copy of the
    file with a reduced height is decoded. Damage below ``bottom`` is then not
    detected; a missing end of the file is.

    Uses the fast DCT of libjpeg-turbo: a PSNR of about 44 dB against the exact
    one on photographs, and a tenth to a fifth faster.

    Args:
        data, header: Content and header of the file.
        bottom: Number of rows of the file to decode, from the top.
        shrink: 1, 2, 4 or 8: the factor by which both sides are reduced.

    Returns:
        uint8 BGR (H', W', 3), H' at least ``bottom / shrink``, W' the width
        divided by ``shrink``, rounded up; None as for ``decode_jpeg``.
    """
    if simplejpeg is None:
        return None
    height = bottom + CONTEXT * shrink
    cut = header.baseline and height < header.height and data[-2:] == END
    source: bytes | memoryview | bytearray = data
    if cut:
        source = bytearray(data)
        HEIGHT.pack_into(source, header.height_at, height)
    else:
        height = header.height
    width = -(-header.width // shrink)
    try:
        pixels = simplejpeg.decode_jpeg(
            source,
            'BGR',
            fastdct=True,
            min_height=-(-height // shrink),
            min_width=width,
            min_factor=shrink,
            # Strict mode would reject the copy with a reduced height.
            strict=not cut,
        )
    except ValueError:
        return None
    return pixels if pixels.shape[1] == width else None


def fast_path_header(
    path: str, data: bytes, limits: ImageLimits
) -> JpegHeader | None:
    """Return the header of a JPEG that does not need Pillow, else None.

    Raises:
        CorruptImageError: The size is not allowed.
    """
    header = read_jpeg_header(data)
    if header is None:
        return None
    limits.check(path, header.width, header.height)
    return header
