"""Listed paths of data sets, checked; data sets and loaders below wrappers."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mixmae.datasets.transforms.load_image import LoadImage
from mixmae.fileio.safe_path import UnsafePathError, kind_of, path_below


class ExistingFiles:
    """Existence of files; lists each folder once.

    On a network file system, checking two million files one by one takes
    minutes; listing their folders takes seconds.
    """

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}

    def __contains__(self, path: str | Path) -> bool:
        folder, name = os.path.split(path)
        return name in self.names(folder)

    def names(self, folder: str | Path) -> frozenset[str]:
        """Return the names of the files in a folder, empty if it is missing.

        Raises:
            ValueError: The folder cannot be listed.
        """
        folder = str(folder)
        if folder not in self._names:
            try:
                with os.scandir(folder) as entries:
                    names = [e.name for e in entries if _is_file(e)]
            except (FileNotFoundError, NotADirectoryError):
                names = []
            except OSError as error:
                raise ValueError(
                    f'the folder {folder or "."} cannot be listed: '
                    f'{error.strerror}'
                ) from None
            self._names[folder] = frozenset(names)
        return self._names[folder]


def _is_file(entry: os.DirEntry) -> bool:
    try:
        return entry.is_file()
    # A cycle of symbolic links.
    except OSError:
        return False


PATH_KEYS = ('path', 'paths')


def leaf_sets(dataset: Any) -> Iterator[Any]:
    """Yield the datasets below wrappers (concatenated, repeated, balanced)."""
    for _, leaf in _named_leaves(dataset, ''):
        yield leaf


def image_sets(dataset: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the datasets below wrappers that load images by ``LoadImage``.

    Args:
        dataset: A dataset, or a wrapper (concatenated, repeated).
        name: Name of the dataset; parts of a concatenation are called
            name.0, name.1 and so on.

    Yields:
        Names and datasets.
    """
    for place, leaf in _named_leaves(dataset, name):
        if loader_of(leaf) is not None:
            yield place, leaf


def _named_leaves(dataset: Any, name: str) -> Iterator[tuple[str, Any]]:
    parts = getattr(dataset, 'datasets', None)
    inner = getattr(dataset, 'dataset', None)
    if isinstance(parts, (list, tuple)):
        for index, part in enumerate(parts):
            yield from _named_leaves(part, f'{name}.{index}')
    elif inner is not None:
        yield from _named_leaves(inner, name)
    else:
        yield name, dataset


def loader_of(dataset: Any) -> LoadImage | None:
    """Return the image loader of a dataset if it is a ``LoadImage``."""
    pipeline = getattr(dataset, 'pipeline', None)
    if not hasattr(dataset, 'get_data_info'):
        return None
    transforms = getattr(pipeline, 'transforms', ())
    return next((t for t in transforms if isinstance(t, LoadImage)), None)


def check_listed_paths(
    dataset: Any, entries: Iterable[dict] | None = None
) -> int:
    """Check the paths in a dataset that a list or annotation file names.

    The paths must lie below ``data_root`` or one of ``data_prefix`` by name
    (see ``path_below``), and must not be special files such as named pipes
    and devices. Datasets without an ``ann_file`` list their folders
    themselves.

    Args:
        dataset: Subclass of MMEngine's ``BaseDataset``.
        entries: Result of its ``load_data_list``; its loaded entries if None.

    Returns:
        Number of paths.

    Raises:
        AnnotationError: A path is outside of the folders, or is not a regular
            file.
    """
    ann_file = getattr(dataset, 'ann_file', '')
    held = entries is None
    # Our datasets check each name while reading it.
    checked = getattr(dataset, 'checks_paths', False)
    if not ann_file or (held and checked):
        return 0
    # Our transforms open regular files only; others block on a named pipe.
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
                # Few lists lead elsewhere.
                from mixmae.config.failure_report import AnnotationError

                raise AnnotationError(f'{ann_file}: {fault}')
    return count


def _entries(dataset: Any) -> Iterator[dict]:
    # get_data_info copies entries that are not serialised.
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
    """Describe why a path is below none of the folders; None if it is."""
    fault = (
        f'file name {path!r} is outside of {", ".join(roots)}; list only '
        'files below data_root'
    )
    # The innermost folder is the one that the name was joined to.
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
    """Return the type of a special file; None for regular or missing."""
    if existing is None or '://' in path or path in existing:
        return None
    try:
        kind = kind_of(os.stat(path).st_mode)
    # The code that opens the file reports it.
    except OSError:
        return None
    return f'{path} is a {kind}, not a regular file' if kind else None
