"""What became of each key of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from mixmae.fileio.printable import printable


@dataclass
class KeyReport:
    """One line per key of a conversion.

    Attributes:
        renamed: old key -> new key, of every tensor that is taken.
        resized: new key -> (old shape, new shape).
        dropped: old key -> why it is not needed.
        made: new key -> what it holds, of tensors the source does not have.
        unexpected: old keys that nothing wants.
        missing: new keys that nothing fills.
        notes: what one should know about the converted network.
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
        """Whether no key was unexpected and none is missing."""
        return not self.unexpected and not self.missing

    def compare(
        self, state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
    ) -> None:
        """Notes which keys of a network a state lacks, exceeds or misfits."""
        self.missing += sorted(wanted.keys() - state.keys())
        self.unexpected += [
            f'{key} of shape {tuple(state[key].shape)}, where '
            f'{tuple(wanted[key].shape)} is wanted'
            for key in sorted(state.keys() & wanted.keys())
            if state[key].shape != wanted[key].shape
        ]
        self.unexpected += sorted(state.keys() - wanted.keys())

    def lines(self) -> list[str]:
        """The report, one key a line, a line of counts, and the notes."""
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
        # Keys are those of the file.
        return [printable(line) for line in lines]
