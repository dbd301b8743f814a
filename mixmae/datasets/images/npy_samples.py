"""Samples of ``.npy`` files, read without pickles."""

import math
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy import ndarray

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.image_kind import UNMARKED, ImageKind, ImageLimits
from mixmae.fileio.npz_file import read_header

NUMBERS = {'u': 'uint', 'i': 'int', 'f': 'float'}


class _Header(NamedTuple):
    """Header of an array; the file position is after it."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype

    @property
    def bands_first(self) -> bool:
        """Whether the first axis holds the bands, not the last one.

        The shorter of both is taken as the bands.
        """
        return len(self.shape) == 3 and self.shape[0] < self.shape[2]

    @property
    def bands(self) -> int:
        """Number of bands."""
        if len(self.shape) != 3:
            return 1
        return self.shape[0 if self.bands_first else 2]

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height; None for an array of a single axis."""
        if len(self.shape) < 2:
            return None
        height = 1 if self.bands_first else 0
        return self.shape[height + 1], self.shape[height]


def npy_kind(file: BinaryIO) -> ImageKind:
    """Return the kind of an array file.

    Raises:
        KeyError: Its header is damaged.
    """
    header = _header(file)
    grey = header.bands != 3
    obstacle = ''
    if len(header.shape) not in (2, 3):
        obstacle = f'{len(header.shape)} axes, not an image'
    elif header.dtype.kind not in NUMBERS or header.dtype.itemsize > 8:
        obstacle = f'of type {header.dtype}'
    bits = 8 * header.dtype.itemsize
    number = NUMBERS.get(header.dtype.kind, 'uint')
    return ImageKind(
        'NumPy',
        'grey' if grey else 'RGB',
        header.bands,
        bits,
        number,
        extra=header.bands - 1 if grey else 0,
        extra_mark=UNMARKED,
        white=2**bits - 1 if number == 'uint' and bits <= 16 else None,
        obstacle=obstacle,
        decoder='numpy',
        size=header.size,
    )


def npy_samples(
    path: str, file: BinaryIO, kind: ImageKind, limits: ImageLimits
) -> ndarray:
    """Return the samples of an array file, (H, W, bands).

    The shape is compared with the limits and with the bytes of the file
    before anything is allocated.

    Raises:
        CorruptImageError: The array is too large or truncated.
    """
    header = _header(file)
    start = file.tell()
    assert header.size is not None
    width, height = header.size
    limits.check(path, width, height, header.bands)
    size = math.prod(header.shape) * header.dtype.itemsize
    if size > limits.most_bytes:
        raise CorruptImageError(path, 'too large', f'{size:,} bytes')
    file.seek(0, 2)
    if file.tell() - start < size:
        raise CorruptImageError(path, 'truncated', 'samples are missing')
    file.seek(start)
    samples = np.frombuffer(file.read(size), header.dtype).reshape(
        header.shape, order='F' if header.fortran else 'C'
    )
    samples = samples.astype(header.dtype.newbyteorder('='), copy=False)
    if header.bands_first:
        samples = np.moveaxis(samples, 0, -1)
    return samples if samples.ndim == 3 else samples[..., None]


def _header(file: BinaryIO) -> _Header:
    file.seek(0)
    try:
        shape, fortran, dtype = read_header(file)
    except ValueError as error:
        raise KeyError('header of an array') from error
    if dtype.hasobject or not all(0 < n < 2**40 for n in shape):
        raise KeyError('header of an array')
    return _Header(shape, fortran, dtype)
