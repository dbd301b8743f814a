"""Fast JPEG decoder, where it is installed.

``simplejpeg`` is a thin wrapper of libjpeg-turbo: it decodes from memory,
writes BGR, and decodes at reduced scale. Pillow uses the same library; pixels
are bit-identical at full size.
"""

from __future__ import annotations

from numpy import ndarray

from mixmae.datasets.images.jpeg_header import END, JpegHeader

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

# Extra rows below the last required one: its colours are interpolated from
# them where chroma is stored at half the resolution.
CONTEXT = 2


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

    Uses the fast DCT of libjpeg-turbo: about 44 dB PSNR from the exact one on
    photographs, and a tenth to a fifth faster.

    Args:
        data: Content of the file.
        header: Header of the file.
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
        source[header.height_at] = height >> 8
        source[header.height_at + 1] = height & 255
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
