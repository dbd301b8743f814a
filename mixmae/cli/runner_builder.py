"""Runner of a config, for training and testing."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import mmengine
from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.config.config_paths import data_loaders, type_name
from mixmae.fileio.atomic_write import atomic_write
from mixmae.registry import RUNNERS

try:
    import resource
except ImportError:
    resource = None  # type: ignore[assignment]


class FormattedConfig(Config):
    """MMEngine's ``Config`` with a cached text.

    Formatting the config of a training takes 0.15 s of CPU time. A runner
    formats it four times before the first iteration and once per checkpoint.
    """

    @classmethod
    def of(cls, cfg: Config) -> FormattedConfig:
        """Wrap a config; both share their content."""
        found = cls()
        # The attributes that pickling a config includes.
        found.__setstate__(cfg.__getstate__())
        return found

    def dump(self, file: str | os.PathLike | None = None) -> str | None:
        """Write the config atomically, or return its text.

        A symbolic link is replaced, not followed. The file that the config was
        read from is never overwritten: it has the user's comments, and the
        work folder may be its folder.
        """
        if file is None:
            return super().dump()
        place = Path(file)
        own = self.filename and os.path.exists(self.filename)
        if own and place.exists() and place.samefile(self.filename):
            return None
        kind = place.suffix.removeprefix('.')
        text = (
            self.pretty_text
            if kind == 'py'
            else mmengine.dump(self.to_dict(), file_format=kind)
        )
        with atomic_write(place) as partial:
            partial.write_text(text, encoding='utf-8')
        return None

    @property
    def pretty_text(self) -> str:
        """Return the formatted Python text of the config."""
        plain = Config(self.to_dict(), format_python_code=False).pretty_text
        known, text = self.__dict__.get('_formatted', (None, ''))
        if known != plain:
            text = super().pretty_text
            # MMEngine's __setattr__ would set a key of the config.
            object.__setattr__(self, '_formatted', (plain, text))
        return text


AUTOCAST = 'AutocastOptimWrapper'
DEEPSPEED = 'DeepSpeedStrategy'
# MMEngine imports it; deepspeed 0.19 removed it.
ONEBIT = Path('runtime/fp16/onebit')
SHARDED_MODEL = 'FullyShardedModel'
# Hooks of a runner whose config has none.
MMENGINE_HOOKS = (
    'runtime_info',
    'timer',
    'sampler_seed',
    'logger',
    'param_scheduler',
    'checkpoint',
)
# Time limit for one batch in seconds. A network file system may recover after
# minutes; with NCCL the other ranks do not wait longer than this.
BATCH_TIMEOUT = 500
OPEN_FILES = 2**16
OF_WORKERS = (
    'multiprocessing_context',
    'persistent_workers',
    'prefetch_factor',
    'timeout',
)


def check_engine(cfg: Config) -> None:
    """Check that the parts of a config can be combined, before they are built.

    Raises:
        ValueError: A strategy without ``FlexibleRunner``, or one whose package
            is missing; a sharded model without its runner; a static graph with
            accumulation; a setting that MMEngine would silently ignore.
    """
    runner = str(cfg.get('runner_type', 'Runner')).split('.')[-1]
    strategy = cfg.get('strategy')
    wrapper = cfg.get('model_wrapper_cfg') or {}
    if strategy is not None and runner != 'FlexibleRunner':
        raise ValueError(
            f'strategy={type_name(strategy)} is for FlexibleRunner, but '
            f"runner_type is {runner!r}; set runner_type='FlexibleRunner', or "
            'remove the strategy'
        )
    if type_name(strategy) == DEEPSPEED:
        folder = _folder_of('deepspeed')
        if folder is None or not (folder / ONEBIT).exists():
            why = 'not installed' if folder is None else 'too new for MMEngine'
            raise ValueError(
                f'strategy={DEEPSPEED} needs the package deepspeed, which is '
                f'{why}: pip install deepspeed==0.17.6 (or shard the model '
                'with FullyShardedModel, which needs no package)'
            )
    if type_name(wrapper) == SHARDED_MODEL and runner != 'ShardedRunner':
        raise ValueError(
            f'model_wrapper_cfg={SHARDED_MODEL} needs '
            "runner_type='mixmae.ShardedRunner', which initialises the "
            'weights and writes the checkpoints of a sharded model; got '
            f'{runner}'
        )
    if cfg.get('find_unused_parameters') and wrapper:
        raise ValueError(
            'find_unused_parameters=True has no effect with a '
            'model_wrapper_cfg; set '
            'model_wrapper_cfg.find_unused_parameters=True instead'
        )
    if cfg.get('compile') and (cfg.get('default_hooks') or {}).get('compile'):
        raise ValueError(
            f'compile={cfg.compile} and default_hooks.compile both compile '
            'the training step; set one of them'
        )
    counts = (cfg.get('optim_wrapper') or {}).get('accumulative_counts', 1)
    if wrapper.get('static_graph') and counts > 1:
        raise ValueError(
            'model_wrapper_cfg.static_graph=True and '
            f'optim_wrapper.accumulative_counts={counts} cannot be combined: '
            'PyTorch records the graph in the first micro-iteration, which '
            'exchanges no gradients; set static_graph=False'
        )


def build_runner(cfg: Config) -> Runner:
    """Build the runner of a config, whose settings this adapts."""
    check_engine(cfg)
    drop_absent_hooks(cfg)
    use_compile_hook(cfg)
    limit_loaders(cfg)
    raise_file_limit()
    return RUNNERS.build(FormattedConfig.of(cfg))


def drop_absent_hooks(cfg: Config) -> None:
    """Leave out hooks that a config sets to None.

    MMEngine accepts None for the hooks that it registers itself, and only
    asserts for all others.
    """
    hooks = cfg.get('default_hooks') or {}
    if None in hooks.values():
        cfg.default_hooks = {
            name: hook
            for name, hook in hooks.items()
            if hook is not None or name in MMENGINE_HOOKS
        }


def raise_file_limit() -> None:
    """Raise the limit of open files as far as this user may.

    Workers send each tensor of a batch as an open file.
    """
    # Windows has no such limit.
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, OPEN_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def use_compile_hook(cfg: Config) -> None:
    """Compile with ``CompileHook`` where MMEngine's ``compile`` cannot.

    MMEngine compiles the optimizer step with the forward pass, which
    ``AutocastOptimWrapper`` does not support.
    """
    options = cfg.get('compile')
    if options and type_name(cfg.get('optim_wrapper')) == AUTOCAST:
        options = options if isinstance(options, dict) else {}
        hook = dict(type='mixmae.CompileHook', **options)
        cfg.default_hooks = {
            **(cfg.get('default_hooks') or {}),
            'compile': hook,
        }
        cfg.compile = None


def drop_sharding(cfg: Config) -> None:
    """Keep the complete model on every rank; a test has enough memory.

    Test loops call parts of the model individually or on one rank.
    """
    if type_name(cfg.get('model_wrapper_cfg')) == SHARDED_MODEL:
        cfg.model_wrapper_cfg = None
    cfg.strategy = None
    cfg.runner_type = 'Runner'


def limit_loaders(cfg: Config) -> None:
    """Set a time limit for every data loader with workers that has none.

    By default PyTorch waits forever for a worker that hangs. ``timeout`` of a
    data loader in the config sets another limit; 0 means none. Worker settings
    are removed from data loaders without workers, since PyTorch rejects them,
    so ``num_workers=0`` can be set alone.
    """
    for _, loader in data_loaders(cfg):
        if loader.get('num_workers', 0):
            loader.setdefault('timeout', BATCH_TIMEOUT)
            continue
        for name in OF_WORKERS:
            loader.pop(name, None)


def _folder_of(package: str) -> Path | None:
    """Return the folder of a package without importing it; None if missing."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent
