"""Checks of labelled image lists and of images in several splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path, PurePath
from typing import Any

from mixmae.datasets.labels.label_fault import LabelFault
from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.preflight.data_sets import (
    LABELLED,
    built_sets,
    configured_sets,
    finding,
    sampled,
)

# Larger lists are left to the data set.
MOST_BYTES = 100_000_000
MOST_ENTRIES = 200_000
SECONDS = 3.0


class LabelLists(Check):
    """Checks lines of mmpretrain's lists: a path, a space and a label."""

    name = 'lists'

    def run(self, planned: PlannedRun) -> Finding | None:
        errors, compared = [], []
        for one in configured_sets(planned):
            path = one.ann_file
            if (
                one.reader not in LABELLED
                or not one.config.get('with_label', True)
                or path is None
                or not one.is_read
                or not path.is_file()
                or path.stat().st_size > MOST_BYTES
            ):
                continue
            compared.append(str(path))
            fault = _line_fault(path)
            if fault is not None:
                errors.append(fault)
        if not compared:
            return None
        return Finding(', '.join(compared), tuple(errors))


def _line_fault(path: Path) -> str | None:
    """Return a message on the first invalid line of a list."""
    try:
        # As MMEngine reads and splits it.
        lines = path.read_text('utf-8').rstrip('\n\r').split('\n')
    except UnicodeDecodeError as error:
        return f'{path} is not in UTF-8 ({error.reason}); convert it'
    if lines[0].startswith('\ufeff'):
        return (
            f'{path} begins with a byte order mark, which would be a part of '
            'the first path; save it as UTF-8 without one'
        )
    faulty = [
        (number, line)
        for number, line in enumerate(lines, 1)
        if not _is_labelled(line)
    ]
    if not faulty:
        return None
    number, line = faulty[0]
    more = f' ({len(faulty) - 1:,} more such lines)' if faulty[1:] else ''
    return (
        f'{path}, line {number}: {line[:200]!r} must be a path, a space and '
        f'the number of a class, as in "cat/0.jpg 3"{more}'
    )


def _is_labelled(line: str) -> bool:
    name, space, label = line.strip().rpartition(' ')
    try:
        return bool(space and name) and int(label) is not None
    except ValueError:
        return False


class SplitImages(Check):
    """Checks that each image has one label and is in one split only."""

    name = 'images of splits'
    stage = 'built'

    def run(self, planned: PlannedRun) -> Finding | None:
        faults: list[LabelFault] = []
        splits: dict[str, dict[str, Any]] = {}
        for built in built_sets(planned):
            images = splits.setdefault(built.split, {})
            twice: list[str] = []
            other: list[str] = []
            for info in sampled(built.dataset, MOST_ENTRIES, SECONDS):
                path, label = info.get('img_path'), info.get('gt_label')
                if not isinstance(path, str):
                    break
                if path in images:
                    (twice if images[path] == label else other).append(path)
                images.setdefault(path, label)
            source = f'the {built.split} data'
            if other:
                faults.append(
                    LabelFault(
                        'two labels',
                        f'{source}: {len(other):,} images are listed with two '
                        f'labels (first: {other[0]}); remove the wrong one',
                    )
                )
            if twice:
                faults.append(
                    LabelFault(
                        'image listed twice',
                        f'{source}: {len(twice):,} images are listed twice '
                        f'(first: {twice[0]}), and count twice',
                        'warning',
                    )
                )
            if getattr(built.dataset, 'ann_file', ''):
                faults += _folder_names(source, images, built.classes)
        faults += _common(splits)
        faults += _folder_labels(splits)
        counts = ', '.join(f'{len(v):,} of {k}' for k, v in splits.items())
        return finding(f'images: {counts}', faults) if splits else None


def _common(splits: dict[str, dict[str, Any]]) -> Iterator[LabelFault]:
    """Yield faults of training images that are also evaluated on."""
    names = list(splits)
    for first, second in pairwise(names):
        common = splits[first].keys() & splits[second].keys()
        if common:
            yield LabelFault(
                'image in two splits',
                f'{len(common):,} of the {len(splits[second]):,} images of '
                f'the {second} data are also in the {first} data (first: '
                f'{min(common)}): metrics on them do not show how the model '
                f'generalises',
                'warning',
            )


def _folder_labels(splits: dict[str, dict[str, Any]]) -> Iterator[LabelFault]:
    """Yield faults of folders whose images have another label elsewhere."""
    names = list(splits)
    tables = [_label_of_folders(splits[name]) for name in names]
    for name, table in zip(names[1:], tables[1:]):
        wrong = [
            folder
            for folder, label in table.items()
            if tables[0].get(folder, label) != label
        ]
        if wrong:
            folder = wrong[0]
            yield LabelFault(
                'label of a folder',
                f'images in folders {folder!r} have label {table[folder]} in '
                f'the {name} data, but {tables[0][folder]} in the {names[0]} '
                f'data ({len(wrong)} such folders): a label must mean the '
                f'same class in both',
            )


def _folder_names(
    source: str, images: dict[str, Any], classes: Any
) -> Iterator[LabelFault]:
    """Yield a fault if folders have the names of other classes."""
    if not isinstance(classes, (list, tuple)):
        return
    wrong = [
        (folder, label)
        for folder, label in _label_of_folders(images).items()
        if folder in classes
        and 0 <= label < len(classes)
        and classes[label] != folder
    ]
    if wrong:
        folder, label = wrong[0]
        yield LabelFault(
            'name of a class',
            f'{source}: images in folders {folder!r} have label {label}, '
            f'which is class {classes[label]!r} ({len(wrong)} such folders); '
            f'label k is position k of the classes: list them in the order of '
            f'the labels',
        )


def _label_of_folders(images: dict[str, Any]) -> dict[str, int]:
    """Return the label of each folder, if each folder has one label."""
    pairs = Counter(
        (PurePath(path).parent.name, label)
        for path, label in images.items()
        if isinstance(label, int)
    )
    table = dict(pairs)
    folders = {folder for folder, _ in table}
    labels = {label for _, label in table}
    if not len(folders) == len(labels) == len(table):
        return {}
    return dict(table.keys())
