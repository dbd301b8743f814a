"""Rules for settings that may change when a run is resumed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from fnmatch import fnmatchcase
from itertools import zip_longest
from typing import Any, NamedTuple

from mixmae.config.config_paths import type_name
from mixmae.deprecation import with_new_names
from mixmae.registry import HOOKS


class Effect(Enum):
    """Effect of a changed setting on a resumed run.

    Attributes:
        FOLLOWED: The value of the config takes effect.
        CHOSEN: ``--resume-with`` selects the value; the run is refused
            without it.
        SAME_FILES: Followed if the data are the same, see ``ResumeData``.
        REFUSED: The run does not start.
    """

    FOLLOWED = 'followed'
    CHOSEN = 'chosen'
    SAME_FILES = 'followed with the same names'
    REFUSED = 'refused'


# Patterns of keys, with * for anything. The first that matches a key counts,
# and what none matches is refused. The table in docs/resume.md explains them.
RULES = {
    pattern: effect
    for effect, patterns in {
        Effect.REFUSED: 'optim_wrapper.optimizer.type',
        Effect.FOLLOWED: """
            work_dir experiment_name launcher load_from resume
            log_level log_processor* visualizer* custom_imports*
            init_weights_for_test_or_val
            env_cfg* compile* activation_checkpointing*
            runner_type model_wrapper_cfg* find_unused_parameters
            randomness.deterministic
            default_hooks.compile* default_hooks.logger* default_hooks.timer*
            default_hooks.checkpoint* default_hooks.throughput*
            default_hooks.interrupt* default_hooks.watchdog*
            default_hooks.visualization* default_hooks.report*
            default_hooks.corrupt_files.max_corrupt_ratio
            default_hooks.finite_guard.max_skips
            val_* test_* train_cfg.val_* train_cfg.dynamic_intervals*
            train_dataloader.num_workers train_dataloader.persistent_workers
            train_dataloader.prefetch_factor train_dataloader.pin_memory
            train_dataloader.timeout train_dataloader.multiprocessing_context
            train_dataloader.dataset.*max_corrupt_ratio
            train_dataloader.dataset.*lazy_init
            train_dataloader.dataset.*serialize_data
            train_dataloader.dataset.*backend_args*
            train_dataloader.dataset.*listing_cache
            model.*init_cfg* model.*with_cp model.*scores model.test_cfg*
        """,
        Effect.SAME_FILES: """
            train_dataloader.dataset.*data_root
            train_dataloader.dataset.*data_prefix*
            train_dataloader.dataset.*ann_file
            train_dataloader.dataset.*exclude*
        """,
        Effect.CHOSEN: """
            train_cfg.max_epochs train_cfg.max_iters
            param_scheduler*
            optim_wrapper.optimizer.* optim_wrapper.clip_grad*
            optim_wrapper.type optim_wrapper.dtype optim_wrapper.loss_scale*
            auto_scale_lr*
        """,
    }.items()
    for pattern in patterns.split()
}
# Hooks that neither change what is computed nor draw random numbers of the
# training; they may come and go.
HARMLESS_HOOKS = frozenset(
    {
        'ClassPictureHook',
        'CompileHook',
        'EmptyCacheHook',
        'IterTimerHook',
        'LoggerHook',
        'ProbeHook',
        'ProfilerHook',
        'ReconstructionHook',
        'ThroughputHook',
        'WatchdogHook',
        'StrictLoadHook',
    }
)
# Compared as one value: parts of different schedules cannot be combined.
WHOLE = ('param_scheduler',)


class Difference(NamedTuple):
    """A setting that a resumed run has changed.

    Attributes:
        key: Dotted, as ``--cfg-options`` takes it.
        then: Value of the checkpoint's run; ``None`` if it had none.
        now: Value of this run; ``None`` if it has none.
        effect: Effect on the resumed run.
    """

    key: str
    then: Any
    now: Any
    effect: Effect


def effect_of(key: str) -> Effect:
    """Return the rule for a changed key."""
    for pattern, effect in RULES.items():
        if fnmatchcase(key, pattern):
            return effect
    return Effect.REFUSED


def differences(
    then: Mapping[str, Any], now: Mapping[str, Any]
) -> list[Difference]:
    """Return the settings that differ between two configs, with their rules.

    The seed is left out: ``StartPoint`` has that of the checkpoint.

    Args:
        then, now: Configs from ``plain_config``.
    """
    return [
        Difference(key, one, other, effect_of(key))
        for key, one, other in _differing(_prepared(then), _prepared(now))
        if key != 'randomness.seed'
    ]


def _prepared(config: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(with_new_names(config))
    hooks = found.pop('custom_hooks', None) or []
    kept = [one for one in hooks if type_name(one) not in HARMLESS_HOOKS]
    if kept:
        found['custom_hooks'] = kept
    loader = found.get('train_dataloader')
    sampler = loader.get('sampler') if isinstance(loader, Mapping) else None
    if isinstance(loader, Mapping) and isinstance(sampler, Mapping):
        # The sampler takes them from where they are compared.
        wrapper = found.get('optim_wrapper') or {}
        filled = {
            'batch_size': loader.get('batch_size'),
            'accumulative_counts': wrapper.get('accumulative_counts', 1),
        }
        rest = {k: v for k, v in sampler.items() if filled.get(k) != v}
        found['train_dataloader'] = {**loader, 'sampler': rest}
    return found


def _differing(
    then: Any, now: Any, key: str = ''
) -> Iterator[tuple[str, Any, Any]]:
    if key in WHOLE:
        if _unscoped(then) != _unscoped(now):
            yield key, then, now
    elif isinstance(then, Mapping) and isinstance(now, Mapping):
        for name in dict.fromkeys((*then, *now)):
            path = f'{key}.{name}' if key else name
            yield from _differing(then.get(name), now.get(name), path)
    elif _is_list_of_dicts(then) and _is_list_of_dicts(now):
        for index, (one, other) in enumerate(zip_longest(then, now)):
            yield from _differing(one, other, f'{key}.{index}')
    elif _unscoped(then) != _unscoped(now):
        yield key, then, now


def _is_list_of_dicts(value: Any) -> bool:
    return isinstance(value, list) and any(
        isinstance(one, Mapping) for one in value
    )


def _unscoped(value: Any) -> Any:
    """Value whose types have their current names, without our scope."""
    if isinstance(value, Mapping):
        return {key: _unscoped(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_unscoped(one) for one in value]
    if not isinstance(value, str):
        return value
    name = value.removeprefix('mixmae.')
    return HOOKS.renamed.get(name, name)
