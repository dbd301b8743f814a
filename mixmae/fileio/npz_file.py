"""Reader of untrusted NumPy archives: no pickles, validated sizes."""

from __future__ import annotations

import math
import os
import zipfile
from typing import BinaryIO

import numpy as np
from numpy import ndarray

from mixmae.fileio.safe_path import regular_file

# Maximum compression ratio of deflate; other methods are rejected.
EXPANSION = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: 1032}
SUFFIX = '.npy'
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_arrays(path: str | os.PathLike) -> dict[str, ndarray]:
    """Read all arrays of an ``.npz`` file.

    Sizes declared in the file are compared with the existing bytes before
    memory is allocated.

    Returns:
        The arrays by name; they are read-only.

    Raises:
        OSError: The file cannot be read, or is not a regular file.
        ValueError: The file is damaged or not an archive, or needs a pickle.
    """
    with open(path, 'rb', opener=regular_file) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
                _check_sizes(members, os.fstat(file.fileno()).st_size)
                return {
                    member.filename.removesuffix(SUFFIX): _array(
                        archive, member
                    )
                    for member in members
                }
        except (OSError, ValueError, MemoryError):
            raise
        # zipfile and zlib raise arbitrary exceptions on damage.
        except Exception as error:
            raise ValueError(f'{type(error).__name__}: {error}') from None


def _check_sizes(members: list[zipfile.ZipInfo], size: int) -> None:
    for member in members:
        if member.compress_type not in EXPANSION:
            raise ValueError(
                f'{member.filename} is compressed by an unknown method'
            )
        most = EXPANSION[member.compress_type] * member.compress_size
        if member.file_size > most:
            raise ValueError(
                f'{member.filename} claims {member.file_size:,} bytes, but '
                f'has {member.compress_size:,}'
            )
    claimed = sum(member.compress_size for member in members)
    if claimed > size:
        raise ValueError(
            f'its arrays claim {claimed:,} bytes, but the file has {size:,}'
        )


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> ndarray:
    with archive.open(member) as file:
        shape, fortran, dtype = read_header(file)  # type: ignore[arg-type]
        if dtype.hasobject:
            raise ValueError(
                f'{member.filename} contains Python objects, which need '
                'allow_pickle'
            )
        sound = dtype.itemsize and all(length >= 0 for length in shape)
        wanted = math.prod(shape) * dtype.itemsize
        found = member.file_size - file.tell()
        if not sound or wanted != found:
            raise ValueError(
                f'{member.filename} claims shape {shape} of {dtype}, '
                f'{wanted:,} bytes, but contains {found:,}'
            )
        data = np.frombuffer(file.read(), dtype)
    return data.reshape(shape, order='F' if fortran else 'C')


def read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read the header of a ``.npy`` file: shape, Fortran order, type.

    Raises:
        ValueError: The header is damaged.
    """
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f'version {version} of an array is not supported')
    try:
        return HEADERS[version](file)
    # So does the parser; too many brackets cause a MemoryError.
    except Exception as error:
        raise ValueError(
            f'the header of an array is damaged ({type(error).__name__})'
        ) from None
