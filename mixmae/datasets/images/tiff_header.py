"""Kind of a TIFF file, read from its directories without decoding."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from PIL.TiffImagePlugin import COMPRESSION_INFO

from mixmae.datasets.images.image_kind import (
    ASSOCIATED,
    COLOUR_BANDS,
    UNASSOCIATED,
    UNMARKED,
    UNSPECIFIED,
    ImageKind,
)

ORDERS = {b'II': '<', b'MM': '>'}
# Version of a BigTIFF; that of others is 42.
BIG = 43
# Integer types (TIFF 6.0, section 2, and BigTIFF), as struct codes.
TYPES = {1: 'B', 3: 'H', 4: 'L', 16: 'Q'}
# Tags (TIFF 6.0, section 8 and later).
NEW_SUBFILE_TYPE, SUBFILE_TYPE = 254, 255
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
BANDS, PLANAR, INK_SET, EXTRA, SAMPLE_FORMAT = 277, 284, 332, 338, 339
SUBSAMPLING = 530
# Not a tag: whether the file is big-endian.
BIG_ENDIAN = 0
WANTED = {
    NEW_SUBFILE_TYPE, SUBFILE_TYPE, WIDTH, HEIGHT, BITS, COMPRESSION,
    PHOTOMETRIC, BANDS, PLANAR, INK_SET, EXTRA, SAMPLE_FORMAT, SUBSAMPLING,
}  # fmt: skip
# More values of a tag than an image can have bands mean a damaged header.
MOST_VALUES = 65535

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
# Bands beside the colours that Pillow or OpenCV drop, by bits.
MOST_EXTRA = {('RGB', 8): 3, ('RGB', 16): 1, ('grey', 8): 1}
NUMBERS = {1: 'uint', 2: 'int', 3: 'float'}
COMPRESSIONS = {34712: 'JPEG 2000', 34887: 'LERC', 50002: 'JPEG XL'}

Tags = dict[int, tuple[int, ...]]


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
    stack = 0
    # Data after an intact image may be damaged.
    with suppress(EOFError, struct.error):
        for page in pages:
            same = (page.get(WIDTH), page.get(HEIGHT)) == size
            stack += same and not _is_auxiliary(page)
    if _is_auxiliary(tags):
        obstacle = 'of which the first image is a preview or a mask'
    elif stack:
        obstacle = f'a stack of {stack + 1} images'
    else:
        obstacle = ''
    return _kind(tags, obstacle)


def _kind(tags: Tags, obstacle: str) -> ImageKind:
    photometric = tags.get(PHOTOMETRIC, (0,))[0]
    compression = tags.get(COMPRESSION, (1,))[0]
    colours = COLOURS.get(photometric, f'photometric {photometric}')
    if photometric == SEPARATED and tags.get(INK_SET, (1,))[0] != 1:
        colours = 'inks other than CMYK'
    implied = 3 if compression in JPEG and photometric in (2, YCBCR) else 1
    bands = tags.get(BANDS, (implied,))[0]
    depths = tags.get(BITS, (1,))
    formats = tags.get(SAMPLE_FORMAT, (1,))
    number = NUMBERS.get(formats[0], 'uint')
    extra = bands - COLOUR_BANDS.get(colours, bands)
    marks = tags.get(EXTRA, ())
    mark = MARKS.get(marks[0], UNMARKED) if marks else UNMARKED
    alpha = ALPHA.get(mark, '') if extra == 1 else ''
    if not obstacle:
        obstacle = _obstacle(tags, colours, bands, extra)
    bits = depths[0]
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
        obstacle,
    )


def _obstacle(tags: Tags, colours: str, bands: int, extra: int) -> str:
    """Name the property that Pillow or OpenCV cannot decode correctly."""
    depths = tags.get(BITS, (1,))
    formats = tags.get(SAMPLE_FORMAT, (1,))
    compression = tags.get(COMPRESSION, (1,))[0]
    if len(set(depths)) > 1 or len(set(formats)) > 1:
        return 'with bands of different types'
    if formats[0] not in NUMBERS:
        return f'of sample format {formats[0]}'
    if colours not in COLOUR_BANDS:
        return 'which are not converted to RGB'
    if extra < 0:
        return 'too few for their colours'
    if compression not in COMPRESSION_INFO:
        return f'compressed as {COMPRESSIONS.get(compression, compression)}'
    wide = depths[0] > 8 or formats[0] != 1
    if wide and colours not in ('grey', 'RGB'):
        return 'of which only 8 bits are supported'
    if extra > MOST_EXTRA.get((colours, depths[0]), 0):
        return 'with too many bands'
    unsigned = formats[0] == 1 and depths[0] <= 16
    if tags[BIG_ENDIAN][0] and compression != 1 and not unsigned:
        # Pillow swaps the bytes twice.
        return 'compressed and big-endian'
    planes = tags.get(PLANAR, (1,))[0] == 2 and bands > 1
    if planes and (wide or colours != 'RGB' or extra):
        return 'in separate planes'
    if (
        colours == 'YCbCr'
        and compression == 1
        and tags.get(SUBSAMPLING, (2, 2)) != (1, 1)
    ):
        return 'with subsampled colours that are not compressed'
    return ''


def _is_auxiliary(tags: Tags) -> bool:
    """Whether an image is a thumbnail or a mask of another."""
    flags = tags.get(NEW_SUBFILE_TYPE, (0,))[0]
    return bool(flags & (REDUCED | MASK)) or tags.get(SUBFILE_TYPE) == (2,)


def _tags(file: BinaryIO, entries: bytes, order: str, big: bool) -> Tags:
    found: Tags = {BIG_ENDIAN: (order == '>',)}
    layout = order + ('HHQ8s' if big else 'HHL4s')
    for tag, type_, count, data in struct.iter_unpack(layout, entries):
        code = TYPES.get(type_)
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
