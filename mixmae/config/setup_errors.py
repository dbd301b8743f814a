"""Error lines for runs that cannot be built from their config."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from traceback import walk_tb
from types import FrameType
from typing import Any

import mmengine
import torch
from mmengine.config import Config

from mixmae.config.config_file import reading_error
from mixmae.fileio.safe_path import SpecialFileError

# A part that no registry has, and its scope.
UNKNOWN = re.compile(r'(?:(\w+)\.)?\w+ is not in')
LIBRARY = Path(mmengine.__file__).parent
RUNNER = LIBRARY / 'runner' / 'runner.py'
# Frames of a run in progress: exceptions raised there are not errors of the
# config, unless mixmae's own code reports one.
LOOPS = (
    LIBRARY / 'runner' / 'loops.py',
    Path(__file__).parent / 'loops',
)
# In them a restored state is used first, in the first update.
OPTIMIZERS = (LIBRARY / 'optim', Path(torch.optim.__file__).parent)
LOADING = ('load_checkpoint', 'load_or_resume', 'resume')
# Errors of a path with the wrong type.
WRONG_PATH = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
)


def setup_error(error: BaseException, config: Config | None) -> str | None:
    """Return a line on an exception raised before the run has started.

    Building a part calls the configured type with the configured arguments, so
    any exception may be raised, at any depth.

    Args:
        error: Exception with its traceback.
        config: Config of the run, if one was read.

    Returns:
        Type, text and place in the config; ``None`` for exceptions of another
        origin, in particular of a run in progress.
    """
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    # str() of a KeyError puts the message in quotes.
    text = error.args[0] if isinstance(error, KeyError) else error
    cause = f'{type(error).__name__}: {text}'
    cfg = config if config is not None else {}
    name, path = getattr(config, 'filename', None), cfg.get('load_from')
    if isinstance(error, KeyError) and error.args == ('inputs',):
        # Of a data preprocessor, ours or another's.
        return (
            f'{name}: the batches contain no inputs; end the pipelines of the '
            'data with mixmae.PackImage, PackInputs (mmpretrain), '
            'PackDetInputs (mmdet) or PackSegInputs (mmseg)'
        )
    if any(_is_running(frame) for frame in frames):
        stepped = any(_within(f, p) for f in frames for p in OPTIMIZERS)
        if not cfg.get('resume') or not stepped:
            return None
        return f'the optimizer state in {path} does not match {name}: {cause}'
    if isinstance(error, SpecialFileError) or (
        isinstance(error, OSError) and error.errno in WRONG_PATH
    ):
        return f'{error.filename}: {error.strerror}'
    if not any(_within(frame, LIBRARY) for frame in frames):
        return None
    if any(
        _within(frame, RUNNER) and frame.f_code.co_name in LOADING
        for frame in frames
    ):
        return f'the checkpoint {path} does not match {name}: {cause}'
    beyond = _beyond_data(error, frames, config)
    if beyond is not None:
        return beyond
    if 'need at least one array to concatenate' in cause:
        # MMEngine packs the entries of a data set.
        cause = (
            'the data set has no images; look at its data_root, data_prefix, '
            'ann_file, suffixes, indices and filter_cfg'
        )
    place = _place(frames, config)
    return ': '.join(str(part) for part in (name, place, cause) if part)


def scope_error(error: BaseException, config: Config | None) -> str | None:
    """Return a line if a part is unknown because its package fails.

    MMEngine only reports the part: it ignores errors of imports.

    Args:
        error: Exception of a registry.
        config: Config of the run, if one was read.
    """
    named = UNKNOWN.search(str(error))
    if not isinstance(error, KeyError) or named is None:
        return None
    scopes = [named[1], (config or {}).get('default_scope')]
    for scope in filter(None, dict.fromkeys(scopes)):
        module = f'{scope}.registry'
        try:
            import_module(module)
        # A package is a program.
        except Exception as cause:
            missing = getattr(cause, 'name', None)
            if isinstance(cause, ModuleNotFoundError) and missing == scope:
                reason = f'no package {scope} is installed'
            elif isinstance(cause, ModuleNotFoundError) and missing == module:
                reason = f'the package {scope} has no module registry'
            else:
                failed = ImportError()
                failed.__cause__ = cause
                one: BaseException | None = cause
                while one is not None:
                    if one.__context__ is error:
                        # It is being handled, and is no cause.
                        one.__context__ = None
                    one = one.__cause__ or one.__context__
                reason = f'{module} fails with {reading_error(failed)}'
            return f'{named[0]} a registry: {reason}'
    return None


def _beyond_data(
    error: BaseException, frames: list[FrameType], config: Config | None
) -> str | None:
    """Return a line if a subset exceeds the size of its data set."""
    if not isinstance(error, IndexError):
        return None
    for frame in reversed(frames):
        indices = frame.f_locals.get('indices')
        data = getattr(frame.f_locals.get('self'), 'data_list', None)
        if not isinstance(indices, (list, tuple)) or not data:
            continue
        keys = [
            f'{key}.indices'.lstrip('.')
            for key, part in _parts_below('', dict(config or {}))
            if part.get('indices') == indices
        ]
        name = keys[0] if keys else 'indices'
        return (
            f'{name} contains {max(indices)}, but the data set has '
            f'{len(data)} samples; set {name}=None to use all samples'
        )
    return None


def _within(frame: FrameType, place: Path) -> bool:
    file = Path(frame.f_code.co_filename)
    return file == place or place in file.parents


def _is_running(frame: FrameType) -> bool:
    names = ('run', 'run_epoch', 'run_iter')
    return frame.f_code.co_name in names and any(
        _within(frame, place) for place in LOOPS
    )


def _place(frames: list[FrameType], config: Config | None) -> str:
    """Return key and type of the innermost part being built."""
    parts = [
        frame.f_locals.get('cfg')
        for frame in frames
        if frame.f_code.co_name == 'build_from_cfg'
    ]
    named = [p for p in parts if isinstance(p, dict) and 'type' in p]
    if not named:
        return ''
    kind = named[-1]['type']
    found = [
        key
        for key, part in _parts_below('', dict(config or {}))
        if part['type'] == kind
    ]
    key = found[0] if found else ''
    return f'{key}=dict(type={kind!r}, ...)' if key else f'type={kind!r}'


def _parts_below(key: str, part: Any) -> Iterator[tuple[str, dict]]:
    if isinstance(part, dict):
        if 'type' in part:
            yield key, part
        for name, value in part.items():
            yield from _parts_below(f'{key}.{name}'.lstrip('.'), value)
    elif isinstance(part, (list, tuple)):
        for index, value in enumerate(part):
            yield from _parts_below(f'{key}.{index}', value)
