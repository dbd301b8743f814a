"""Parts of a config by dotted key; paths of bases, and of missing data."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.utils import is_installed

from mixmae.fileio.safe_path import FLAG, trusted

PACKAGE = Path(__file__).parents[1]
PREFIX = 'mixmae::'
# MMEngine's, which only knows the packages of OpenMMLab.
_get_cfg_path = inspect.getattr_static(Config, '_get_cfg_path').__func__


def configs_folder() -> Path:
    """Folder of the configs: of the wheel, or of the source checkout.

    Raises:
        FileNotFoundError: The installation has none.
    """
    places = [PACKAGE / '.mim' / 'configs', PACKAGE.parent / 'configs']
    for place in places:
        if place.is_dir():
            return place
    raise FileNotFoundError(
        f'there are no configs in {" or ".join(map(str, places))}: install '
        'mixmae from its wheel, or run it in a checkout'
    )


def base_path(name: str, filename: str) -> tuple[str, str | None]:
    """Return path and scope of a base config, as ``Config._get_cfg_path``.

    Args:
        name: Entry of ``_base_``, such as 'mixmae::mixmae/CONFIG.py'.
        filename: File of the entry.

    Raises:
        FileNotFoundError: mixmae has no such config.
    """
    if not name.startswith(PREFIX):
        scope = name.partition('::')[0]
        package = MODULE2PACKAGE.get(scope) if '::' in name else None
        if package and not is_installed(package) and find_spec(scope):
            # A fork's distribution has another name, such as
            # onedl-mmsegmentation; MMEngine also finds the module itself.
            MODULE2PACKAGE[scope] = scope
        return _get_cfg_path(name, filename)
    folder = configs_folder()
    path = folder / name.removeprefix(PREFIX)
    if not path.is_file():
        path = path.with_name(f'{path.name}.py')
    if not path.is_file() or folder.resolve() not in path.resolve().parents:
        raise FileNotFoundError(
            f'{name}: no such config in {folder}; names are relative to it, '
            f'as in mixmae::mixmae/swin-b_8xb128_300e.py'
        )
    return str(path), None


def walk(key: str, part: Any) -> Iterator[tuple[str, Any]]:
    """Yield key and value of a part of a config, and of all that is in it.

    Args:
        key: Dotted key of the part, as for ``--cfg-options``; '' for a whole
            config.
        part: Dict, list or value.
    """
    yield key, part
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(part, Mapping):
        items = part.items()
    elif isinstance(part, (list, tuple)):
        items = enumerate(part)
    for name, value in items:
        yield from walk(f'{key}.{name}'.lstrip('.'), value)


def type_name(part: Any) -> str:
    """Return the type of a part without its scope; 'None' if it has none."""
    kind = part.get('type') if isinstance(part, Mapping) else None
    name = kind.__name__ if isinstance(kind, type) else str(kind)
    return name.split('.')[-1]


MISSING = (FileNotFoundError, NotADirectoryError)
# A data loader worker passes on an error as text only.
IN_TEXT = re.compile(r"(?:No such file or directory|Not a directory): '(.+?)'")
SPLITS = ('train', 'val', 'test')


class DataPath(NamedTuple):
    """Path of data in a config.

    Attributes:
        key: Dotted key, as for ``--cfg-options``.
        value: Value in the config.
        path: Resolved path, including its roots.
    """

    key: str
    value: str
    path: Path


def data_paths(config: Config) -> list[DataPath]:
    """Return all data paths of loaders and evaluators, roots first."""
    evaluators = [f'{split}_evaluator' for split in SPLITS]
    places = [
        *data_loaders(config),
        *((key, config.get(key)) for key in evaluators),
    ]
    return [
        path
        for place in places
        for key, part in walk(*place)
        if isinstance(part, dict) and 'pipeline' not in key.split('.')
        for path in _paths_of(key, part)
    ]


def data_loaders(config: Config) -> Iterator[tuple[str, dict]]:
    """Yield the configs of data loaders, including those of loops and hooks.

    Yields:
        Dotted key, as for ``--cfg-options``, and config, which may be changed.
    """
    for key, part in walk('', dict(config.items())):
        if isinstance(part, dict) and key.endswith('_dataloader'):
            yield key, part


def _paths_of(key: str, part: dict) -> Iterator[DataPath]:
    root = part.get('data_root')
    root = root if isinstance(root, str) else ''
    if root:
        yield DataPath(f'{key}.data_root', root, Path(root))
    prefixes = part.get('data_prefix') or {}
    if isinstance(prefixes, str):
        prefixes = {'': prefixes}
    names = {'ann_file': part.get('ann_file')}
    for name, prefix in prefixes.items():
        names[f'data_prefix.{name}'.rstrip('.')] = prefix
    for name, value in names.items():
        if value and isinstance(value, str):
            yield DataPath(f'{key}.{name}', value, Path(root, value))


def missing_file(error: BaseException) -> Path | None:
    """Return the missing file that an exception reports, or None.

    Registries raise new exceptions from others, so causes are searched as
    well.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MISSING):
            if cause.filename is not None:
                return Path(str(cause.filename))
            found = IN_TEXT.search(str(cause))
            if found:
                return Path(found[1])
        cause = cause.__cause__ or cause.__context__
    return None


def missing_data(error: BaseException, config: Config) -> str | None:
    """Return an error line if an exception reports missing data.

    Args:
        error: Exception; only ``FileNotFoundError``, ``NotADirectoryError``
            and ``ValueError`` are considered.
        config: Config of the run.

    Returns:
        A line with the missing path and its config key, or ``None`` for other
        exceptions.
    """
    if not isinstance(error, (*MISSING, ValueError)):
        return None
    paths = data_paths(config)
    missing = missing_file(error)
    if missing is None and isinstance(error, MISSING):
        # Data sets of mixmae raise complete messages themselves.
        words = str(error).split()
        missing = next((p.path for p in paths if str(p.path) in words), None)
    if missing is None:
        return None
    named = [
        data
        for data in paths
        if data.path == missing or data.path in missing.parents
    ]
    if not named:
        return None
    # The most specific path identifies the loader; report the topmost missing
    # path of this loader, since a missing root implies missing folders.
    setting = max(named, key=lambda data: len(data.path.parts))
    for data in named:
        same = data.key.split('.')[0] == setting.key.split('.')[0]
        if same and not data.path.exists():
            setting = data
            break
    a_file = any(part.is_file() for part in (missing, *missing.parents))
    what = 'is not a folder' if a_file else 'does not exist'
    return (
        f'{missing} {what}; it is required by {setting.key}={setting.value} '
        f'of the config: set it to where the data are'
    )


# MMEngine also reads YAML, with a loader that can build any object.
SERIALIZED_SUFFIXES = ('.pkl', '.pickle', '.yaml', '.yml')


def refuse_pickled_data(config: Config) -> None:
    """Check the files of a config's data loaders for pickles.

    Raises:
        ValueError: A file is a pickle or YAML, and pickles are not trusted.
    """
    if trusted():
        return
    for key, loader in data_loaders(config):
        for place, value in walk(key, loader):
            if isinstance(value, str) and value.lower().endswith(
                SERIALIZED_SUFFIXES
            ):
                raise ValueError(
                    f'{place}={value}: reading a pickle or YAML file may run '
                    f'code in it; convert it to JSON, or use {FLAG} if you '
                    'trust its author'
                )
