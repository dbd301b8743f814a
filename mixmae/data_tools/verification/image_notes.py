"""Notes on the conversion of a dataset's images to channels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from mixmae.data_tools.verification.image_files import Inspection
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_kind import NUMBERS
from mixmae.datasets.images.pixel_conversion import CONTAINER_BITS


@dataclass
class _WideImages:
    """Images whose samples are not unsigned 8-bit integers."""

    count: int = 0
    least: float = float('inf')
    most: float = float('-inf')
    clipped: int = 0
    share: float = 0.0


class ImageNotes:
    """Collector of notes about readable images.

    Args:
        decoding: Settings that the images were read with.
    """

    def __init__(self, decoding: ImageDecoding) -> None:
        self.decoding = decoding
        self._counts: Counter[str] = Counter()
        self._wide: dict[tuple[int, str], _WideImages] = {}

    def add(self, content: Inspection) -> None:
        """Add an image."""
        kind = content.kind
        if kind is None:
            return
        self._counts['animated'] += content.animated
        self._counts['clear'] += content.transparent
        self._counts['doubtful'] += kind.doubtful_alpha
        self._counts['extra'] += bool(kind.extra)
        if content.sample_values is None:
            return
        wide = self._wide.setdefault((kind.bits, kind.number), _WideImages())
        wide.count += 1
        wide.least = min(wide.least, content.sample_values[0])
        wide.most = max(wide.most, content.sample_values[1])
        wide.clipped += content.clipped > 0
        wide.share += content.clipped

    def lines(self) -> list[str]:
        """Return one line per note."""
        counts, decoding = self._counts, self.decoding
        lines = []
        if counts['clear'] and decoding.extra_band != 'drop':
            lines.append(
                f'{counts["clear"]:,} images with transparency are composited '
                f'over the colour {decoding.background}'
            )
            if counts['doubtful'] and decoding.extra_band is None:
                lines[-1] += (
                    f'; {counts["doubtful"]:,} of them are TIFF files with '
                    'unassociated alpha, which some programs set for any '
                    "additional band; extra_band='drop' ignores it"
                )
        dropped = counts['clear'] + counts['extra']
        if dropped and decoding.extra_band == 'drop':
            lines.append(
                f'{dropped:,} images have additional bands, which are ignored'
            )
        if counts['animated']:
            lines.append(
                f'{counts["animated"]:,} files have several frames, of which '
                'the first is read'
            )
        lines += [
            self._wide_line(bits, number, wide)
            for (bits, number), wide in sorted(self._wide.items())
        ]
        return lines

    def _wide_line(self, bits: int, number: str, wide: _WideImages) -> str:
        text = (
            f'{wide.count:,} images of {bits}-bit {NUMBERS[number]} have '
            f'values from {wide.least:.6g} to {wide.most:.6g}'
        )
        if self.decoding.value_range is not None:
            low, high = self.decoding.value_range
            text += f'; {low:g} to {high:g} become 0 to 255'
        elif bits == CONTAINER_BITS:
            text += (
                '; 0 to 65535 become 0 to 255, value_range sets another range'
            )
        if wide.clipped:
            text += (
                f'; {100 * wide.share / wide.count:.3g} % of the values, in '
                f'{wide.clipped:,} images, are outside and clipped'
            )
        return text
