"""Error lines for faults in configs, options and files."""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import FrameType

import mmengine
import mmengine.registry
import torch
from mmengine.config import Config

import mixmae
from mixmae.config.config_file import import_failure
from mixmae.config.config_paths import missing_data, walk
from mixmae.config.failure_report import TRACEBACK, ConfigError, DataError
from mixmae.fileio.safe_path import SpecialFileError
from mixmae.registry import SCOPE, our_parts

# A part that no registry has, and its scope.
UNKNOWN = re.compile(r'(?:(\w+)\.)?\w+ is not in')
PACKAGE = Path(mixmae.__file__).parent
LIBRARY = Path(mmengine.__file__).parent
RUNNER = LIBRARY / 'runner' / 'runner.py'
# Frames of a run in progress: exceptions raised there are not errors of the
# config, unless mixmae's own code reports one.
LOOPS = (LIBRARY / 'runner' / 'loops.py', PACKAGE / 'engine' / 'loops')
# In them a restored state is used first, in the first update.
OPTIMIZERS = (LIBRARY / 'optim', Path(torch.optim.__file__).parent)
LOADING = ('load_checkpoint', 'load_or_resume', 'resume')
# Of an error that PyTorch raises again in the main process.
OF_WORKER = re.compile(
    r'Caught (ValueError|FileNotFoundError) in DataLoader worker process'
)
# Of mmcv's LoadImageFromFile.
UNDECODED = re.compile(r'failed to load image: (.+)')
IN_FILE = re.compile(r'^  File "(.+?)", line', re.M)
# A source checkout also contains the benchmarks.
OUR_FOLDERS = {PACKAGE, PACKAGE.parent / 'benchmarks'}
REGISTRY_FOLDER = Path(mmengine.registry.__file__).parent
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


def config_error_line(
    error: Exception, config: Config | None = None
) -> str | None:
    """Return a line on an error in config, options or files, or ``None``.

    Args:
        error: Exception with its traceback.
        config: Config of the run, if one was read.
    """
    text = missing_data(error, config) if config is not None else None
    text = text or _undecoded(error) or _of_worker(error)
    if text is None and is_config_error(error):
        # str() of a KeyError puts the message in quotes; for a data error,
        # str() drops the traceback that a data loader worker prepends.
        plain = isinstance(error, DataError) or not error.args
        text = str(error if plain else error.args[0])
        if isinstance(error, KeyError):
            text = scope_error(error, config) or text
    elif text is None:
        text = setup_error(error, config)
        text = text and f'{text} ({TRACEBACK}=1 shows where)'
    if text is None or isinstance(error, ConfigError):
        return text
    return ' '.join(text.split())


def is_config_error(error: BaseException) -> bool:
    """Return True if an exception is caused by the config, not by a bug.

    Code of mixmae raises ``ValueError`` and ``FileNotFoundError`` for invalid
    input only. MMEngine's registry raises ``KeyError`` for unknown types and
    ``TypeError`` for unknown arguments of a part. Exceptions raised deeper in
    a library keep their traceback.
    """
    # Data errors may be raised in a data loader worker, outside of mixmae.
    if isinstance(error, (ConfigError, DataError)):
        return True
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return False
    origin = Path(frames[-1].filename)
    if isinstance(error, (ValueError, FileNotFoundError)):
        return not OUR_FOLDERS.isdisjoint(origin.parents)
    if isinstance(error, (KeyError, TypeError)):
        return REGISTRY_FOLDER in origin.parents
    return False


def _undecoded(error: Exception) -> str | None:
    """Return a line on an image that mmcv cannot decode."""
    found = UNDECODED.search(str(error))
    if found is None or not isinstance(error, AssertionError):
        return None
    return (
        f'{found[1]} cannot be decoded: it is truncated or no image; '
        '`mixmae check-data` lists all such files of a data set'
    )


def _of_worker(error: Exception) -> str | None:
    """Message of mixmae's code in a data loader worker, which is text only."""
    text = str(error)
    found = OF_WORKER.match(text)
    files = IN_FILE.findall(text)
    if found is None or not files or isinstance(error, DataError):
        return None
    if OUR_FOLDERS.isdisjoint(Path(files[-1]).parents):
        return None
    return text.rpartition(f'\n{found[1]}: ')[2].strip() or None


def setup_error(error: BaseException, config: Config | None) -> str | None:
    """Return a line on an exception raised before the run has started.

    Building a part calls the configured type with the configured arguments, so
    any exception may be raised, at any depth.

    Returns:
        Type, text and place in the config; ``None`` for exceptions of another
        origin, in particular of a run in progress.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
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
    """Return a line if a part is unknown because of its scope.

    MMEngine only reports the part: it ignores errors of imports.
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
                one: BaseException | None = cause
                while one is not None:
                    if one.__context__ is error:
                        # It is being handled, and is no cause.
                        one.__context__ = None
                    one = one.__cause__ or one.__context__
                reason = f'{module} fails with {import_failure(cause)}'
            return f'{named[0]} a registry: {reason}'
    part = named[0].split()[0]
    if part in our_parts() and scopes[1] != SCOPE:
        # A prefix is not enough: parts build theirs without one.
        return (
            f'{part} is a part of mixmae, but default_scope is '
            f'{scopes[1]!r}; set default_scope={SCOPE!r}, and write parts of '
            f'other packages with their prefix, such as mmpretrain.PackInputs'
        )
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
            f'{key}.indices'
            for key, part in _typed_parts(config)
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
    for key, part in _typed_parts(config):
        if part['type'] == kind:
            return f'{key}=dict(type={kind!r}, ...)'
    return f'type={kind!r}'


def _typed_parts(config: Config | None) -> Iterator[tuple[str, dict]]:
    for key, part in walk('', dict(config or {})):
        if isinstance(part, dict) and 'type' in part:
            yield key, part
