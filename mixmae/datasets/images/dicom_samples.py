"""Samples of DICOM files; needs pydicom.

Only the elements that describe the pixels are read. No value of an element
reaches a message: they may identify a patient.
"""

import io
import warnings
from typing import Any, BinaryIO

import numpy as np
from numpy import ndarray

from mixmae.datasets.corrupt.corrupt_image_error import (
    CorruptImageError,
    unsupported,
)
from mixmae.datasets.images.image_kind import UNMARKED, ImageKind, ImageLimits

# Its whole content is compressed, and inflated without a bound.
DEFLATED = b'1.2.840.10008.1.2.1.99\0'
HEAD = 4096
ELEMENTS = [
    'Rows',
    'Columns',
    'SamplesPerPixel',
    'NumberOfFrames',
    'BitsAllocated',
    'BitsStored',
    'HighBit',
    'PixelRepresentation',
    'PhotometricInterpretation',
    'PlanarConfiguration',
    'RescaleSlope',
    'RescaleIntercept',
]
COLOURS = {'MONOCHROME1': 'grey', 'MONOCHROME2': 'grey', 'RGB': 'RGB'}


def dicom_kind(file: BinaryIO) -> ImageKind:
    """Return the kind of the image in a DICOM file.

    Raises:
        KeyError: Its header is damaged, or it holds no image.
    """
    file.seek(0)
    if DEFLATED in file.read(HEAD):
        return ImageKind('DICOM', obstacle='deflated as a whole')
    try:
        header = _read(file, ELEMENTS)
        bands = int(header.SamplesPerPixel)
        model = str(header.PhotometricInterpretation)
        frames = int(header.get('NumberOfFrames') or 1)
        bits = int(header.BitsStored)
        signed = bool(header.PixelRepresentation)
        rescaled = _rescaling(header) != (1.0, 0.0)
        size = int(header.Columns), int(header.Rows)
    # Parsers raise arbitrary exceptions on arbitrary data.
    except Exception as error:
        raise KeyError('header of a DICOM file') from error
    obstacle = ''
    if model not in COLOURS or bands != (3 if model == 'RGB' else 1):
        obstacle = 'with an unsupported colour model'
    elif frames > 1:
        obstacle = f'a stack of {frames:,} images'
    number = 'float' if rescaled else 'int' if signed else 'uint'
    return ImageKind(
        'DICOM',
        COLOURS.get(model, 'another'),
        bands,
        # Rescaled values are those of the device, e.g. Hounsfield units.
        32 if rescaled else bits,
        number,
        extra_mark=UNMARKED,
        white=2**bits - 1 if number == 'uint' and bits <= 16 else None,
        inverted=model == 'MONOCHROME1',
        obstacle=obstacle,
        decoder='pydicom',
        size=size,
    )


def dicom_samples(
    path: str, file: BinaryIO, kind: ImageKind, limits: ImageLimits
) -> ndarray:
    """Return the samples of a DICOM file, (H, W, bands).

    Rescale slope and intercept are applied, windows are not: the range of
    black and white is the ``value_range`` of the run.

    Raises:
        CorruptImageError: The image is too large or damaged, or needs a
            decoder that is not installed.
    """
    file.seek(0)
    # Lengths in the file are compared with its bytes, not allocated.
    content = io.BytesIO(file.read())
    header = _read(content, ELEMENTS)
    height, width = int(header.Rows), int(header.Columns)
    limits.check(path, width, height, kind.bands)
    item = int(header.BitsAllocated) // 8
    if height * width * kind.bands * item > limits.most_bytes:
        raise CorruptImageError(path, 'too large', 'bytes of samples')
    try:
        content.seek(0)
        dataset = _read(content, [*ELEMENTS, 'PixelData'])
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            samples = dataset.pixel_array
    except Exception as error:
        if isinstance(error, (NotImplementedError, RuntimeError)):
            raise unsupported(
                path,
                f'{kind}, compressed by a method without a decoder',
                'pip install pylibjpeg pylibjpeg-libjpeg '
                'pylibjpeg-openjpeg, or convert it',
            ) from None
        # Texts of pydicom quote values of the file.
        name = type(error).__name__
        raise CorruptImageError(path, 'damaged', name) from None
    slope, intercept = _rescaling(header)
    if (slope, intercept) != (1.0, 0.0):
        samples = samples * np.float32(slope) + np.float32(intercept)
    return samples if samples.ndim == 3 else samples[..., None]


def _read(file: BinaryIO, elements: list[str]) -> Any:
    """Parse a file as far as these elements."""
    # Takes a tenth of a second.
    from pydicom import dcmread

    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return dcmread(
            file,
            stop_before_pixels='PixelData' not in elements,
            specific_tags=elements,
        )


def _rescaling(header: Any) -> tuple[float, float]:
    slope = header.get('RescaleSlope')
    intercept = header.get('RescaleIntercept')
    return (
        1.0 if slope is None else float(slope),
        0.0 if intercept is None else float(intercept),
    )
