"""What became of each key of a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class KeyReport:
    """One line per key of a conversion.

    Attributes:
        renamed: old key -> new key, of every tensor that is taken.
        resized: new key -> (old shape, new shape).
        dropped: old key -> why it is not needed.
        unexpected: old keys that nothing wants.
        missing: new keys that nothing fills.
    """

    renamed: dict[str, str] = field(default_factory=dict)
    resized: dict[str, tuple] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether no key was unexpected and none is missing."""
        return not self.unexpected and not self.missing

    def lines(self) -> list[str]:
        """The report, one key a line, and a line of counts."""
        resized = {
            key: f'{tuple(old)} -> {tuple(new)}'
            for key, (old, new) in self.resized.items()
        }
        counts = (
            f'{len(self.renamed)} taken and renamed, {len(self.resized)} of '
            f'them resized, {len(self.dropped)} dropped, '
            f'{len(self.unexpected)} unexpected, {len(self.missing)} missing'
        )
        return [
            *(f'taken       {a} -> {b}' for a, b in self.renamed.items()),
            *(f'resized     {key} {sizes}' for key, sizes in resized.items()),
            *(
                f'dropped     {key} ({why})'
                for key, why in self.dropped.items()
            ),
            *(f'unexpected  {key}' for key in self.unexpected),
            *(f'missing     {key}' for key in self.missing),
            counts,
        ]
