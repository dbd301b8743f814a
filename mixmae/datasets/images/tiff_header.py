"""Kind of a TIFF file, read from its directories without decoding."""

import itertools
import math
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from PIL.TiffImagePlugin import COMPRESSION_INFO

from mixmae.datasets.images.image_kind import (
    ASSOCIATED,
    COLOUR_BANDS,
    UNASSOCIATED,
    UNMARKED,
    UNSPECIFIED,
    ImageKind,
)
from mixmae.datasets.images.tiff_samples import CODECS

ORDERS = {b'II': '<', b'MM': '>'}
# Version of a BigTIFF; that of others is 42.
BIG = 43
# Integer types (TIFF 6.0, section 2, and BigTIFF), as struct codes.
TYPES = {1: 'B', 3: 'H', 4: 'L', 16: 'Q'}
TEXT = 2
# Tags (TIFF 6.0, section 8 and later).
NEW_SUBFILE_TYPE, SUBFILE_TYPE = 254, 255
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
BANDS, PLANAR, INK_SET, EXTRA, SAMPLE_FORMAT = 277, 284, 332, 338, 339
SUBSAMPLING = 530
# GDAL's: the value of samples without data, as text.
NO_DATA = 42113
# Not a tag: whether the file is big-endian.
BIG_ENDIAN = 0
WANTED = {
    NEW_SUBFILE_TYPE, SUBFILE_TYPE, WIDTH, HEIGHT, BITS, COMPRESSION,
    PHOTOMETRIC, BANDS, PLANAR, INK_SET, EXTRA, SAMPLE_FORMAT, SUBSAMPLING,
    NO_DATA,
}  # fmt: skip
# More values of a tag than an image can have bands mean a damaged header.
MOST_VALUES = 65535
# Images of a file that are looked at.
MOST_PAGES = 4096

REDUCED, MASK = 1, 4
SEPARATED, YCBCR = 5, 6
JPEG = (6, 7)
COLOURS = {
    0: 'grey',
    1: 'grey',
    2: 'RGB',
    3: 'palette',
    4: 'transparency mask',
    SEPARATED: 'CMYK',
    YCBCR: 'YCbCr',
    8: 'LAB',
    9: 'ICCLab',
    10: 'ITULab',
    32803: 'colour filter array',
    34892: 'linear raw',
}
MARKS = {0: UNSPECIFIED, 1: ASSOCIATED, 2: UNASSOCIATED}
ALPHA = {ASSOCIATED: 'premultiplied', UNASSOCIATED: 'straight'}
# Additional bands that Pillow or OpenCV drop, by bits.
MOST_EXTRA = {('RGB', 8): 3, ('RGB', 16): 1, ('grey', 8): 1}
NUMBERS = {1: 'uint', 2: 'int', 3: 'float'}
COMPRESSIONS = {34712: 'JPEG 2000', 50002: 'JPEG XL'}
# Settings that all images of a stack must share.
PAGE_TYPE = (BITS, BANDS, SAMPLE_FORMAT, PHOTOMETRIC)

Tags = dict[int, tuple[Any, ...]]


def tiff_directories(file: BinaryIO) -> Iterator[Tags]:
    """Yield the tags of ``WANTED`` of each image in a TIFF file.

    Raises:
        EOFError: The file ends before a directory does.
        KeyError, struct.error: The file is not a TIFF.
    """
    file.seek(0)
    head = _read(file, 8)
    order = ORDERS[head[:2]]
    big = struct.unpack(order + 'H', head[2:4])[0] == BIG
    offset = struct.unpack(order + 'L', head[4:])[0]
    if big:
        offset = struct.unpack(order + 'Q', _read(file, 8))[0]
    seen = set()
    while offset and offset not in seen:
        seen.add(offset)
        file.seek(offset)
        count_code, entry = ('Q', 20) if big else ('H', 12)
        count = _unpack(file, order + count_code)[0]
        # A directory cannot have more entries: tags are 16-bit numbers.
        entries = _read(file, min(count, 65536) * entry)
        offset = _unpack(file, order + ('Q' if big else 'L'))[0]
        yield _tags(file, entries, order, big)


def tiff_kind(file: BinaryIO) -> ImageKind:
    """Return the kind of the first image in a TIFF file.

    Raises:
        EOFError: The file ends before a directory does.
        KeyError, struct.error: The file is not a TIFF, or has no width and
            height.
    """
    pages = tiff_directories(file)
    tags = next(pages, {})
    size = tags[WIDTH], tags[HEIGHT]
    stack, alike = 1, True
    # Data after an intact image may be damaged.
    with suppress(EOFError, struct.error):
        for page in itertools.islice(pages, MOST_PAGES):
            same = (page.get(WIDTH), page.get(HEIGHT)) == size
            stack += same and not _is_auxiliary(page)
            alike &= all(page.get(tag) == tags.get(tag) for tag in PAGE_TYPE)
    if _is_auxiliary(tags):
        obstacle = 'of which the first image is a preview or a mask'
    elif stack > 1:
        obstacle = f'a stack of {stack} images'
    else:
        obstacle = ''
    return _kind(tags, obstacle, stack if stack > 1 and alike else 0)


def _kind(tags: Tags, obstacle: str, pages: int) -> ImageKind:
    photometric = _first(tags, PHOTOMETRIC, 0)
    compression = _first(tags, COMPRESSION)
    colours = COLOURS.get(photometric, f'photometric {photometric}')
    if photometric == SEPARATED and _first(tags, INK_SET) != 1:
        colours = 'inks other than CMYK'
    implied = 3 if compression in JPEG and photometric in (2, YCBCR) else 1
    bands = _first(tags, BANDS, implied)
    bits = _first(tags, BITS)
    number = NUMBERS.get(_first(tags, SAMPLE_FORMAT), 'uint')
    extra = bands - COLOUR_BANDS.get(colours, bands)
    mark = MARKS.get(_first(tags, EXTRA, -1), UNMARKED)
    alpha = ALPHA.get(mark, '') if extra == 1 else ''
    found = _obstacle(tags, colours, extra)
    if found or (bands, colours) != (1, 'grey'):
        pages = 0
    decoder = 'tifffile' if _beyond_pillow(tags, colours, bands, extra) else ''
    return ImageKind(
        'TIFF',
        colours,
        bands,
        bits,
        number,
        alpha,
        0 if alpha else max(extra, 0),
        mark,
        2**bits - 1 if number == 'uint' and bits <= 16 else None,
        photometric == 0,
        obstacle or found,
        decoder,
        pages,
        (tags[WIDTH][0], tags[HEIGHT][0]),
        _no_data(tags),
    )


def _no_data(tags: Tags) -> float | None:
    with suppress(KeyError, ValueError):
        value = float(tags[NO_DATA][0].rstrip(b'\0 '))
        # NaN is recognised without being declared.
        return value if math.isfinite(value) else None
    return None


def _obstacle(tags: Tags, colours: str, extra: int) -> str:
    """Name the property that no decoder handles correctly."""
    depths = tags.get(BITS, (1,))
    formats = tags.get(SAMPLE_FORMAT, (1,))
    compression = _first(tags, COMPRESSION)
    if len(set(depths)) > 1 or len(set(formats)) > 1:
        return 'with bands of different types'
    if formats[0] not in NUMBERS:
        return f'of sample format {formats[0]}'
    if colours not in COLOUR_BANDS:
        return 'which are not converted to RGB'
    if extra < 0:
        return 'too few for their colours'
    if compression not in COMPRESSION_INFO and compression not in CODECS:
        return f'compressed as {COMPRESSIONS.get(compression, compression)}'
    wide = depths[0] > 8 or formats[0] != 1
    if wide and colours not in ('grey', 'RGB'):
        return 'of which only 8 bits are supported'
    if (
        colours == 'YCbCr'
        and compression == 1
        and tags.get(SUBSAMPLING, (2, 2)) != (1, 1)
    ):
        return 'with subsampled colours that are not compressed'
    return ''


def _beyond_pillow(tags: Tags, colours: str, bands: int, extra: int) -> bool:
    """Return True if neither Pillow nor OpenCV decodes an image correctly."""
    bits, number = _first(tags, BITS), _first(tags, SAMPLE_FORMAT)
    compression = _first(tags, COMPRESSION)
    wide = bits > 8 or number != 1
    unsigned = number == 1 and bits <= 16
    planes = _first(tags, PLANAR) == 2 and bands > 1
    return (
        compression not in COMPRESSION_INFO
        or extra > MOST_EXTRA.get((colours, bits), 0)
        # Pillow has no such modes.
        or (wide and (bits == 64 or (number == 3 and bits != 32)))
        or (bands > 1 and wide and not unsigned)
        # Pillow swaps the bytes twice, and does not open unsigned 32 bits.
        or (tags[BIG_ENDIAN][0] and not unsigned and compression != 1)
        or (tags[BIG_ENDIAN][0] and (number, bits) == (1, 32))
        or (planes and (wide or colours != 'RGB' or extra > 0))
    )


def _is_auxiliary(tags: Tags) -> bool:
    """Return True if a page is a thumbnail or a mask of another page."""
    flags = _first(tags, NEW_SUBFILE_TYPE, 0)
    return bool(flags & (REDUCED | MASK)) or tags.get(SUBFILE_TYPE) == (2,)


def _first(tags: Tags, tag: int, default: int = 1) -> int:
    return tags.get(tag, (default,))[0]


def _tags(file: BinaryIO, entries: bytes, order: str, big: bool) -> Tags:
    found: Tags = {BIG_ENDIAN: (order == '>',)}
    layout = order + ('HHQ8s' if big else 'HHL4s')
    for tag, type_, count, data in struct.iter_unpack(layout, entries):
        code = 's' if tag == NO_DATA and type_ == TEXT else TYPES.get(type_)
        if tag not in WANTED or code is None or not 0 < count <= MOST_VALUES:
            continue
        size = count * struct.calcsize(order + code)
        if size > len(data):
            file.seek(struct.unpack(order + ('Q' if big else 'L'), data)[0])
            data = _read(file, size)
        values = struct.unpack(f'{order}{count}{code}', data[:size])
        found.setdefault(tag, values)
    return found


def _unpack(file: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, _read(file, struct.calcsize(layout)))


def _read(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise EOFError('the file ends in a directory')
    return data
