"""Division of large images into tiles before packing."""

import io
import math
import os
from collections.abc import Container, Iterator
from itertools import pairwise

import numpy as np
from numpy import ndarray
from PIL import Image

from mixmae.datasets.corrupt.corrupt_image_error import unsupported
from mixmae.datasets.images.image_decoding import WHITE, ImageDecoding
from mixmae.datasets.images.image_diagnosis import diagnosed, opened_file
from mixmae.datasets.images.image_file import (
    image_header,
    opened_image,
    sample_reader,
)
from mixmae.datasets.images.image_headers import declared_kind
from mixmae.datasets.images.image_kind import ImageKind, ImageLimits
from mixmae.datasets.images.pixel_conversion import (
    eight_bit_rgb,
    turn_upright,
    wide_samples,
)
from mixmae.datasets.images.tiff_header import NO_DATA
from mixmae.fileio.shown_text import escape

# Modes of Pillow that a PNG stores as they are.
PNG_MODES = ('L', 'LA', 'RGB', 'RGBA')
# A TIFF's words for further bands.
EXTRA = {'straight': 'unassalpha', 'premultiplied': 'assocalpha'}


def tiles_of(
    path: str, content: bytes, side: int, quality: int, limits: ImageLimits
) -> Iterator[tuple[str, bytes]]:
    """Divide an image into a grid of equal tiles, row by row.

    The grid is the smallest one whose tiles have at most ``side`` pixels a
    side; tiles do not overlap. Values are those of the file: tiles of a JPEG
    are JPEGs, those of 8-bit grey, RGB and transparency are PNGs, those of
    arrays arrays, and those of other bands or samples TIFFs. They are upright.

    Args:
        path, content: The image file.
        side: Largest side of a tile, in pixels.
        quality: Quality of JPEGs, 1 to 95.
        limits: Largest image that is decoded.

    Yields:
        Row, column and suffix of a tile, as the end of its name, and its
        content. Nothing if no side of the image is longer than ``side``.

    Raises:
        CorruptImageError: The image cannot be decoded.
    """
    size = image_header(path, content)[1]
    if max(size) <= side:
        return
    kind, samples, is_raw = _decoded(path, content, limits)
    edges = [
        [round(k * length / n) for k in range(n + 1)]
        for length, n in (
            (one, math.ceil(one / side)) for one in samples.shape[:2]
        )
    ]
    rows, columns = (list(pairwise(one)) for one in edges)
    for row, (top, bottom) in enumerate(rows):
        for column, (left, right) in enumerate(columns):
            tile = np.ascontiguousarray(samples[top:bottom, left:right])
            data, suffix = (
                _raw_file(tile, kind)
                if is_raw
                else _picture_file(tile, kind, quality)
            )
            yield f'_{row}_{column}{suffix}', data


def tile_name(name: str, place: str, taken: Container[str]) -> str:
    """Return the name of a file in a shard.

    Args:
        name: Name of the image.
        place: Of a tile, see ``tiles_of``; '' for a whole image.
        taken: Names of all images.

    Raises:
        ValueError: An image has the name of a tile.
    """
    if not place:
        return name
    found = os.path.splitext(name)[0] + place
    if found in taken:
        raise ValueError(
            f'{escape(found)} would be a tile of {escape(name)}, and is the '
            f'name of another image; rename it'
        )
    return found


def _decoded(
    path: str, content: bytes, limits: ImageLimits
) -> tuple[ImageKind, ndarray, bool]:
    """Decode an image.

    Returns:
        Kind of the file; its upright samples (H, W[, bands]); and whether
        they are stored as they are, not converted by Pillow.
    """
    with diagnosed(path, content), opened_file(path, content) as file:
        kind = declared_kind(file)
        bands = 3 if kind is None else kind.pages or kind.bands
        decoding = ImageDecoding(channels=bands)
        read = None if kind is None else sample_reader(kind, decoding)
        if kind is not None and read is not None:
            if not kind.pages and kind.obstacle:
                raise unsupported(path, str(kind), 'convert it')
            return kind, read(path, file, kind, limits), True
    with opened_image(path, limits, content=content) as image:
        kind = kind or ImageKind.of_mode(str(image.format), image.mode)
        if kind.obstacle or kind.reduced:
            raise unsupported(path, str(kind), 'convert it')
        orientation = turn_upright(image)
        if kind.wide:
            samples, alpha = wide_samples(
                path, image, kind, orientation, io.BytesIO(content)
            )
            if alpha is not None:
                samples = np.dstack([samples, alpha])
            return kind, samples, True
        if 'transparency' in image.info:
            image = image.convert('RGBA')
        if image.mode in PNG_MODES:
            return kind, np.asarray(image), False
        return kind, eight_bit_rgb(image, WHITE, dropped=False), False


def _picture_file(
    tile: ndarray, kind: ImageKind, quality: int
) -> tuple[bytes, str]:
    """Return content and suffix of a JPEG or PNG."""
    output = io.BytesIO()
    image = Image.fromarray(tile)
    if kind.format == 'JPEG':
        image.save(output, 'JPEG', quality=quality, subsampling='4:2:0')
        return output.getvalue(), '.jpg'
    image.save(output, 'PNG')
    return output.getvalue(), '.png'


def _raw_file(tile: ndarray, kind: ImageKind) -> tuple[bytes, str]:
    """Return content and suffix of an array or a TIFF."""
    output = io.BytesIO()
    if kind.format == 'NumPy':
        np.save(output, tile)
        return output.getvalue(), '.npy'
    # Takes a tenth of a second.
    import tifffile

    if tile.ndim == 3 and tile.shape[2] == 1:
        tile = tile[..., 0]
    bands = 1 if tile.ndim == 2 else tile.shape[2]
    colours = 3 if kind.colours == 'RGB' else 1
    extra = ['unspecified'] * (bands - colours)
    alpha = kind.alpha or ('' if kind.extra or kind.pages else 'straight')
    if extra and alpha:
        extra[0] = EXTRA[alpha]
    grey = 'miniswhite' if kind.inverted else 'minisblack'
    no_data = '' if kind.no_data is None else repr(kind.no_data)
    tifffile.imwrite(
        output,
        tile,
        photometric='rgb' if colours == 3 else grey,
        planarconfig='contig' if bands > 1 else None,
        extrasamples=extra or None,
        compression='zlib',
        metadata=None,
        extratags=[(NO_DATA, 's', 0, no_data, True)] if no_data else None,
    )
    return output.getvalue(), '.tif'
