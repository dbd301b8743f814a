"""Sample type, bands and colours declared by an image file."""

from __future__ import annotations

from dataclasses import dataclass

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
# Declarations of bands beside the colours.
UNMARKED, UNSPECIFIED = 'without a mark', 'marked as unspecified'
ASSOCIATED = 'marked as associated alpha'
UNASSOCIATED = 'marked as unassociated alpha'


@dataclass(frozen=True)
class ImageKind:
    """Kind of an image, from the header of its file alone.

    Attributes:
        format: Pillow's name of the format, e.g. 'TIFF'.
        colours: A key of ``COLOUR_BANDS``, or the name of another colour
            model.
        bands: Samples per pixel.
        bits: Bits per sample.
        number: A key of ``NUMBERS``.
        alpha: 'straight' or 'premultiplied' if the file declares
            transparency, else ''.
        extra: Number of bands beside colours and transparency.
        extra_mark: A TIFF's description of the first band beside the colours,
            in words.
        white: Sample value of white declared by the file; ``None`` for signed
            integers, floats, and integers of more than 16 bits.
        inverted: Whether 0 is white.
        obstacle: Property that no decoder here handles; '' if there is none.
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
        return f'{text}, {self.obstacle}' if self.obstacle else text
