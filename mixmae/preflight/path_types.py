"""Types of the paths of data."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from mixmae.config.data_paths import data_loaders
from mixmae.preflight.check import Check, Finding, PlannedRun

# Some data sets read several annotation files.
KINDS: dict[str, tuple[type, ...]] = {
    'ann_file': (str, os.PathLike, list, tuple),
    'data_root': (str, os.PathLike),
}


class PathTypes(Check):
    """Compares the types of paths in data sets with text."""

    name = 'paths'

    def run(self, planned: PlannedRun) -> Finding | None:
        found = [
            pair
            for key, loader in data_loaders(planned.config)
            for pair in _paths(f'{key}.dataset', loader.get('dataset'))
        ]
        errors = [
            f'{key}={value!r} must be the path of one file or folder'
            for key, value in found
            if value is not None
            and not isinstance(value, KINDS[key.split('.')[-1]])
        ]
        return Finding(f'{len(found)} paths', errors=tuple(errors))


def _paths(key: str, part: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(part, (list, tuple)):
        for index, item in enumerate(part):
            yield from _paths(f'{key}.{index}', item)
    elif isinstance(part, Mapping):
        for name, value in part.items():
            if name in KINDS:
                yield f'{key}.{name}', value
            elif name in ('dataset', 'datasets'):
                yield from _paths(f'{key}.{name}', value)
