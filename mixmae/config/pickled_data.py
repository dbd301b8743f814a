"""Annotation files that would be executed as they are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from mixmae.config.data_paths import data_loaders
from mixmae.fileio.trust import FLAG, trusted

# MMEngine reads YAML, too, by a loader that builds any object.
SUFFIXES = ('.pkl', '.pickle', '.yaml', '.yml')


def refuse_pickled_data(config: Config) -> None:
    """Checks the files that the data loaders of a config name.

    Raises:
        ValueError: one is a pickle or YAML, and pickles are not trusted.
    """
    if trusted():
        return
    for key, loader in data_loaders(config):
        for place, value in _strings_below(key, loader):
            if value.lower().endswith(SUFFIXES):
                raise ValueError(
                    f'{place}={value}: reading a pickle or YAML file may run '
                    f'code that it carries; convert it to JSON, or give '
                    f'{FLAG} if you know its author'
                )


def _strings_below(key: str, part: Any) -> Iterator[tuple[str, str]]:
    if isinstance(part, str):
        yield key, part
    elif isinstance(part, dict):
        for name, value in part.items():
            yield from _strings_below(f'{key}.{name}', value)
    elif isinstance(part, (list, tuple)):
        for index, value in enumerate(part):
            yield from _strings_below(f'{key}.{index}', value)
