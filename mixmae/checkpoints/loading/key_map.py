"""Renaming of state dict keys by templates, in both directions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

from mixmae.checkpoints.loading.key_report import KeyReport

# Patterns of template fields; any other field is one word.
_FIELDS = {'i': r'\d+', 'j': r'\d+', 'p': 'weight|bias'}
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
        report, renamed = KeyReport(), {}
        for key, value in state.items():
            why = next(
                (why for old, why in self._drops if re.fullmatch(old, key)),
                None,
            )
            name = self._translate(key, 0, 1)
            if why is not None:
                report.dropped[key] = why
            elif name is None:
                report.unexpected.append(key)
            else:
                renamed[name] = value
                report.renamed[key] = name
        return renamed, report

    def to_theirs(
        self, state: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], KeyReport]:
        """Rename our keys to theirs; tensors are not copied."""
        report, renamed = KeyReport(), {}
        for key, value in state.items():
            name = self._translate(key, 1, 0)
            if name is None:
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
    offsets: dict[str, int] = {}
    pattern, end = '', 0
    for field in _FIELD.finditer(template):
        pattern += re.escape(template[end : field.start()])
        pattern += f'(?P<{field[1]}>{_FIELDS.get(field[1], chr(92) + "w+")})'
        offsets[field[1]] = 1 if field[2] else 0
        end = field.end()
    found = re.fullmatch(pattern + re.escape(template[end:]), key)
    if found is None:
        return None
    fields = found.groupdict()
    for name, offset in offsets.items():
        if offset and int(fields[name]) < offset:
            return None
        if offset:
            fields[name] = str(int(fields[name]) - offset)
    return fields


def _fill(template: str, fields: Mapping[str, str]) -> str:
    def value(field: re.Match) -> str:
        text = fields[field[1]]
        return str(int(text) + 1) if field[2] else text

    return _FIELD.sub(value, template)


def prefixed(
    pairs: Iterable[tuple[str, str]], theirs: str, ours: str
) -> list[tuple[str, str]]:
    """Add prefixes to the templates of pairs."""
    return [(theirs + their, ours + our) for their, our in pairs]
