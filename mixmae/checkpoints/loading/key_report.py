"""Report on each key of a conversion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from mixmae.fileio.shown_text import printable


@dataclass
class KeyReport:
    """One line per key of a conversion.

    Attributes:
        renamed: New key by old key, for every tensor that is used.
        resized: (Old shape, new shape) by new key.
        dropped: Reason by old key that is not needed.
        made: Description by new key, for tensors that the source does not
            have.
        unexpected: Old keys that the network does not have.
        missing: New keys that the source does not fill.
        notes: Remarks about the converted network.
    """

    renamed: dict[str, str] = field(default_factory=dict)
    resized: dict[str, tuple] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether no key is unexpected or missing."""
        return not self.unexpected and not self.missing

    def compare(
        self, state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
    ) -> None:
        """Record keys that are missing, unexpected or of another shape."""
        self.missing += sorted(wanted.keys() - state.keys())
        self.unexpected += [
            f'{key} of shape {tuple(state[key].shape)}, expected '
            f'{tuple(wanted[key].shape)}'
            for key in sorted(state.keys() & wanted.keys())
            if state[key].shape != wanted[key].shape
        ]
        self.unexpected += sorted(state.keys() - wanted.keys())

    def lines(self) -> list[str]:
        """Return the report: one line per key, the counts, the notes."""
        resized = {
            key: f'{tuple(old)} -> {tuple(new)}'
            for key, (old, new) in self.resized.items()
        }
        made = f'{len(self.made)} made, ' if self.made else ''
        counts = (
            f'{len(self.renamed)} taken and renamed, {len(self.resized)} of '
            f'them resized, {made}{len(self.dropped)} dropped, '
            f'{len(self.unexpected)} unexpected, {len(self.missing)} missing'
        )
        lines = [
            *(f'taken       {a} -> {b}' for a, b in self.renamed.items()),
            *(f'resized     {key} {sizes}' for key, sizes in resized.items()),
            *(
                f'made        {key} ({what})'
                for key, what in self.made.items()
            ),
            *(
                f'dropped     {key} ({why})'
                for key, why in self.dropped.items()
            ),
            *(f'unexpected  {key}' for key in self.unexpected),
            *(f'missing     {key}' for key in self.missing),
            counts,
            *(f'note: {note}' for note in self.notes),
        ]
        # Keys come from the file.
        return [printable(line) for line in lines]
