"""Keys of state dicts: renamed by templates, listed; code base recognised."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from mixmae.fileio.shown_text import printable

# Reason to drop a tensor; what is read of a model is its backbone.
NO_PART = 'a part of the model outside its backbone'


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
        made = f'{len(self.made)} made, ' if self.made else ''
        counts = (
            f'{len(self.renamed)} taken and renamed, {len(self.resized)} of '
            f'them resized, {made}{len(self.dropped)} dropped, '
            f'{len(self.unexpected)} unexpected, {len(self.missing)} missing'
        )
        keys = {
            'taken': [f'{old} -> {new}' for old, new in self.renamed.items()],
            'resized': [
                f'{key} {tuple(old)} -> {tuple(new)}'
                for key, (old, new) in self.resized.items()
            ],
            'made': [f'{key} ({how})' for key, how in self.made.items()],
            'dropped': [f'{key} ({why})' for key, why in self.dropped.items()],
            'unexpected': self.unexpected,
            'missing': self.missing,
        }
        lines = [
            *(f'{what:<11} {key}' for what in keys for key in keys[what]),
            counts,
            *(f'note: {note}' for note in self.notes),
        ]
        # Keys come from the file.
        return [printable(line) for line in lines]


# Patterns of template fields; any other field is one word.
_FIELDS = {'i': r'\d+', 'j': r'\d+', 'p': 'weight|bias'}
_WORD = r'\w+'
_FIELD = re.compile(r'\{(\w+)(\+1)?\}')


class KeyMap:
    """Pairs of templates, (theirs, ours), used in either direction.

    ``layers.{i}.downsample.{m}.{p}`` with ``stages.{i+1}.downsample.{m}.{p}``
    means that our stage number is one higher: {i} and {j} are numbers, {p} is
    weight or bias, other fields are any one word. The first template that
    matches a whole key is used.

    Args:
        pairs: Templates of their keys and of ours.
        drops: Pairs (regular expression, reason) of their keys that need no
            match.
    """

    def __init__(
        self,
        pairs: Iterable[tuple[str, str]],
        drops: Iterable[tuple[str, str]] = (),
    ) -> None:
        self._pairs = tuple(pairs)
        self._drops = tuple(drops)

    def to_ours(
        self, state: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], KeyReport]:
        """Rename their keys to ours; tensors are not copied."""
        return self._renamed(state, 0, 1, self._drops)

    def to_theirs(
        self, state: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], KeyReport]:
        """Rename our keys to theirs; tensors are not copied."""
        return self._renamed(state, 1, 0, ())

    def _renamed(
        self,
        state: Mapping[str, Tensor],
        source: int,
        target: int,
        drops: Iterable[tuple[str, str]],
    ) -> tuple[dict[str, Tensor], KeyReport]:
        report, renamed = KeyReport(), {}
        for key, value in state.items():
            reasons = (why for old, why in drops if re.fullmatch(old, key))
            why = next(reasons, None)
            name = self._translate(key, source, target)
            if why is not None:
                report.dropped[key] = why
            elif name is None:
                report.unexpected.append(key)
            else:
                renamed[name] = value
                report.renamed[key] = name
        return renamed, report

    def _translate(self, key: str, source: int, target: int) -> str | None:
        for pair in self._pairs:
            fields = _match(pair[source], key)
            if fields is not None:
                return _fill(pair[target], fields)
        return None


def _match(template: str, key: str) -> dict[str, str] | None:
    """Return the fields of a template that fits a key; else None."""
    # Fields with +1.
    shifted = []
    pattern, end = '', 0
    for one in _FIELD.finditer(template):
        name, plus = one.groups()
        pattern += re.escape(template[end : one.start()])
        pattern += f'(?P<{name}>{_FIELDS.get(name, _WORD)})'
        if plus:
            shifted.append(name)
        end = one.end()
    found = re.fullmatch(pattern + re.escape(template[end:]), key)
    if found is None:
        return None
    fields = found.groupdict()
    for name in shifted:
        number = int(fields[name]) - 1
        if number < 0:
            return None
        fields[name] = str(number)
    return fields


def _fill(template: str, fields: Mapping[str, str]) -> str:
    def value(one: re.Match) -> str:
        text = fields[one[1]]
        return str(int(text) + 1) if one[2] else text

    return _FIELD.sub(value, template)


def prefixed(
    pairs: Iterable[tuple[str, str]], theirs: str, ours: str
) -> list[tuple[str, str]]:
    """Add prefixes to the templates of pairs."""
    return [(theirs + their, ours + our) for their, our in pairs]


# Code bases of Swin; the first pattern that a key matches decides.
_PATTERNS = {
    'mmpretrain': re.compile(r'layers\.\d+\.blocks\.\d+\.ffn\.'),
    'mmdet': re.compile(r'stages\.\d+\.blocks\.\d+\.attn\.w_msa\.'),
    'timm': re.compile(r'layers\.\d+\.blocks\.\d+\.attn\.qkv\.'),
    'huggingface': re.compile(
        r'encoder\.layers\.\d+\.blocks\.\d+\.attention\.self\.query\.'
    ),
}


def code_base_of(keys: Iterable[str]) -> str | None:
    """Name of the code base for ``convert --from``; ``None`` if unknown."""
    names = list(keys)
    for name, pattern in _PATTERNS.items():
        if any(pattern.search(key) for key in names):
            return name
    return None
