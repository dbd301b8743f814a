"""Paths in the entries of data sets, as their lists and annotations name them.

Data sets of OpenMMLab's libraries join such names to their folders as they
are. Here the result is looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mixmae.datasets.corrupt.annotation_error import AnnotationError
from mixmae.datasets.existing_files import ExistingFiles
from mixmae.datasets.fallback_pipeline import loader_of
from mixmae.datasets.image_set import ImageSet
from mixmae.fileio.regular_file import kind_of
from mixmae.fileio.safe_path import UnsafePathError, path_below

PATH_KEYS = ('path', 'paths')
# Attribute of data sets that check the names that they read.
CHECKED = 'names_checked'


def leaf_sets(dataset: Any) -> Iterator[Any]:
    """Data sets below wrappers (concatenated, repeated, balanced)."""
    parts = getattr(dataset, 'datasets', None)
    inner = getattr(dataset, 'dataset', None)
    if isinstance(parts, (list, tuple)):
        for part in parts:
            yield from leaf_sets(part)
    elif inner is not None:
        yield from leaf_sets(inner)
    else:
        yield dataset


def check_listed_paths(
    dataset: Any, entries: Iterable[dict] | None = None
) -> int:
    """Check the paths of a data set that a list or an annotation file names.

    They must lie below its ``data_root`` or one of its ``data_prefix``, by
    names alone (see ``path_below``), and must not be named pipes, devices and
    the like. Data sets without an ``ann_file`` list their folders themselves.

    Args:
        dataset: A child of MMEngine's ``BaseDataset``.
        entries: What its ``load_data_list`` has found; those that it holds if
            None.

    Returns:
        The number of paths.

    Raises:
        AnnotationError: A path leads out of the folders, or to something else
            than a file.
    """
    ann_file = getattr(dataset, 'ann_file', '')
    held = entries is None
    # Ours look at each name as they read it.
    own = isinstance(dataset, ImageSet) or getattr(dataset, CHECKED, False)
    if not ann_file or (held and own):
        return 0
    # Our transforms open regular files only, others wait for a pipe.
    opened = held and loader_of(dataset) is None
    existing = ExistingFiles() if opened else None
    prefixes = getattr(dataset, 'data_prefix', None) or {}
    named = [*prefixes.values(), getattr(dataset, 'data_root', '')]
    roots = [root for root in named if isinstance(root, str) and root] or ['']
    count = 0
    for entry in _entries(dataset) if held else entries or ():
        for path in _paths(entry):
            count += 1
            fault = _fault(path, roots) or _special(path, existing)
            if fault is not None:
                raise AnnotationError(f'{ann_file}: {fault}')
    return count


def _entries(dataset: Any) -> Iterator[dict]:
    # get_data_info copies what is not serialised.
    if not getattr(dataset, 'serialize_data', True):
        yield from dataset.data_list
        return
    for index in range(len(dataset)):
        yield dataset.get_data_info(index)


def _paths(entry: dict) -> Iterator[str]:
    for key, value in entry.items():
        if str(key).endswith(PATH_KEYS):
            if isinstance(value, str):
                yield value
            elif isinstance(value, (list, tuple)):
                yield from (one for one in value if isinstance(one, str))


def _fault(path: str, roots: Sequence[str]) -> str | None:
    """Why a path is below none of some folders, None if it is."""
    fault = (
        f'file name {path!r} is outside of {", ".join(roots)}; name files '
        f'below data_root'
    )
    # The innermost one is what the name was joined to.
    for root in sorted(roots, key=len, reverse=True):
        above = root.rstrip('/') + '/' if root else ''
        inside = path.startswith(above)
        if not inside and not path.startswith('/'):
            continue
        try:
            path_below(root or os.curdir, path.removeprefix(above))
            return None
        except UnsafePathError as error:
            fault = str(error)
        if inside:
            break
    return fault


def _special(path: str, existing: ExistingFiles | None) -> str | None:
    """What a path is instead of a file, None of files and missing ones."""
    if existing is None or '://' in path or path in existing:
        return None
    try:
        kind = kind_of(os.stat(path).st_mode)
    # Whoever opens it says so.
    except OSError:
        return None
    return f'{path} is a {kind}, not a regular file' if kind else None
