"""Sample type, bands and colours declared by an image file; largest size.

``ImageLimits`` refuses decompression bombs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from PIL import Image

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError

# Number of bands of each colour model that is converted to RGB.
COLOUR_BANDS = {
    'grey': 1,
    'palette': 1,
    'RGB': 3,
    'YCbCr': 3,
    'LAB': 3,
    'CMYK': 4,
}
NUMBERS = {
    'uint': 'unsigned integers',
    'int': 'signed integers',
    'float': 'floats',
}
# Pillow's modes: colour model and bands.
MODES = {
    '1': ('grey', 1),
    'L': ('grey', 1),
    'LA': ('grey', 2),
    'La': ('grey', 2),
    'P': ('palette', 1),
    'PA': ('palette', 2),
    'RGB': ('RGB', 3),
    'RGBA': ('RGB', 4),
    'RGBa': ('RGB', 4),
    'YCbCr': ('YCbCr', 3),
    'LAB': ('LAB', 3),
    'CMYK': ('CMYK', 4),
}
MOST_BANDS = 1024
# Bytes of samples that a pixel may have on average: four bands of 32 bits, or
# twelve of 8 or 16 bits in an image a little smaller than the largest one.
BYTES_PER_PIXEL = 16
# Declarations of additional bands.
UNMARKED, UNSPECIFIED = 'without a mark', 'marked as unspecified'
ASSOCIATED = 'marked as associated alpha'
UNASSOCIATED = 'marked as unassociated alpha'


@dataclass(frozen=True)
class ImageKind:
    """Kind of an image, from the header of its file.

    Attributes:
        format: Pillow's name of the format, e.g. 'TIFF'.
        colours: A key of ``COLOUR_BANDS``, or the name of another colour
            model.
        bands: Samples per pixel.
        bits: Bits per sample.
        number: A key of ``NUMBERS``.
        alpha: 'straight' or 'premultiplied' if the file declares
            transparency, else ''.
        extra: Number of bands in addition to colours and transparency.
        extra_mark: A TIFF's description of the first additional band, in
            words.
        white: Sample value of white declared by the file; ``None`` for signed
            integers, floats, and integers of more than 16 bits.
        inverted: Whether 0 is white.
        obstacle: Property that no decoder here handles; '' if there is none.
        decoder: Package that decodes it; '' = Pillow or OpenCV.
        pages: Number of images of a stack that could be bands; 0 = no stack.
        size: Width and height as stored, of a file that Pillow may not open.
        no_data: Sample value that the file declares to stand for no data.
    """

    format: str
    colours: str = 'RGB'
    bands: int = 3
    bits: int = 8
    number: str = 'uint'
    alpha: str = ''
    extra: int = 0
    extra_mark: str = ''
    white: int | None = None
    inverted: bool = False
    obstacle: str = ''
    decoder: str = ''
    pages: int = 0
    # Images of one kind differ in size.
    size: tuple[int, int] | None = field(default=None, compare=False)
    no_data: float | None = None

    @classmethod
    def of_mode(cls, format: str, mode: str) -> ImageKind:
        """Return the kind of an 8-bit image that Pillow opened in a mode."""
        if mode not in MODES:
            return cls(format, obstacle=f'Pillow mode {mode}')
        colours, bands = MODES[mode]
        alpha = 'straight' if bands > COLOUR_BANDS[colours] else ''
        return cls(format, colours, bands, alpha=alpha, white=255)

    @property
    def wide(self) -> bool:
        """Whether samples do not fit unsigned 8-bit integers."""
        return self.bits > 8 or self.number != 'uint'

    @property
    def reduced(self) -> bool:
        """True if Pillow decodes the samples to 8 bits only."""
        return self.format == 'JPEG2000' and self.bands > 1 and self.wide

    @property
    def doubtful_alpha(self) -> bool:
        """Whether its transparency may be another band with the same mark."""
        return bool(self.alpha) and self.extra_mark == UNASSOCIATED

    def __str__(self) -> str:
        bands = '1 band' if self.bands == 1 else f'{self.bands} bands'
        text = f'{self.format}, {bands} of {self.bits}-bit '
        text += NUMBERS[self.number]
        plain = self.colours == 'grey' and self.bands == 1
        parts = [] if plain else [self.colours]
        if self.alpha:
            parts.append('transparency')
        if self.extra:
            parts.append(f'{self.extra} more {self.extra_mark}')
        if parts:
            text += f' ({" and ".join(parts)})'
        if self.no_data is not None:
            text += f', {self.no_data:g} without data'
        return f'{text}, {self.obstacle}' if self.obstacle else text


@dataclass(frozen=True)
class ImageLimits:
    """Limits on the size of an image.

    Attributes:
        min_side: Minimum of the shorter side, in pixels.
        max_pixels: Maximum number of pixels; None for Pillow's own limit, 179
            million (twice ``PIL.Image.MAX_IMAGE_PIXELS``), which guards
            against decompression bombs. A larger number allows larger images.

    Raises:
        ValueError: A limit is less than 1.
    """

    min_side: int = 1
    max_pixels: int | None = None

    def __post_init__(self) -> None:
        for name in ('min_side', 'max_pixels'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f'{name} must be at least 1, got {value}')

    @property
    def most_pixels(self) -> float:
        """Maximum number of pixels of an image."""
        if self.max_pixels is not None:
            return self.max_pixels
        limit = Image.MAX_IMAGE_PIXELS
        return float('inf') if limit is None else 2 * limit

    @property
    def most_bytes(self) -> float:
        """Maximum number of bytes of the samples of an image."""
        return self.most_pixels * BYTES_PER_PIXEL

    def check(
        self, path: str, width: int, height: int, bands: int = 3
    ) -> None:
        """Raise ``CorruptImageError`` if a size, in pixels, is not allowed."""
        size = f'{width} x {height} px'
        if min(width, height) < self.min_side:
            detail = f'{size}, a side must have {self.min_side}'
            raise CorruptImageError(path, 'too small', detail)
        if width * height > self.most_pixels:
            detail = (
                f'{size}, more than {self.most_pixels:,} pixels; max_pixels '
                'sets the limit'
            )
            raise CorruptImageError(path, 'too large', detail)
        if bands > MOST_BANDS:
            detail = f'{bands:,} bands, more than {MOST_BANDS:,}'
            raise CorruptImageError(path, 'too large', detail)


# Pillow's limit.
ANY_SIZE = ImageLimits()
