"""Rules for settings that may change when a run is resumed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import zip_longest
from typing import Any, NamedTuple

from mixmae.deprecation import with_new_names
from mixmae.registry import HOOKS


class Verdict(Enum):
    """Effect of a changed setting on a resumed run.

    Attributes:
        FOLLOWED: The value of the config takes effect.
        CHOSEN: ``--resume-with`` selects the value.
        NAMES: Followed if the data are the same, see ``ResumeData``.
        REFUSED: The run does not start.
    """

    FOLLOWED = 'followed'
    CHOSEN = 'chosen'
    NAMES = 'followed with the same names'
    REFUSED = 'refused'


# Of a key, with * for anything; the first that matches counts, and what none
# matches is refused. The table in docs/resume.md explains them.
RULES: tuple[tuple[str, Verdict], ...] = (
    ('work_dir', Verdict.FOLLOWED),
    ('experiment_name', Verdict.FOLLOWED),
    ('launcher', Verdict.FOLLOWED),
    ('custom_imports*', Verdict.FOLLOWED),
    ('init_weights_for_test_or_val', Verdict.FOLLOWED),
    ('load_from', Verdict.FOLLOWED),
    ('resume', Verdict.FOLLOWED),
    ('log_level', Verdict.FOLLOWED),
    ('log_processor*', Verdict.FOLLOWED),
    ('visualizer*', Verdict.FOLLOWED),
    ('env_cfg*', Verdict.FOLLOWED),
    ('compile*', Verdict.FOLLOWED),
    ('activation_checkpointing*', Verdict.FOLLOWED),
    ('runner_type', Verdict.FOLLOWED),
    ('model_wrapper_cfg*', Verdict.FOLLOWED),
    ('find_unused_parameters', Verdict.FOLLOWED),
    ('randomness.deterministic', Verdict.FOLLOWED),
    ('default_hooks.logger*', Verdict.FOLLOWED),
    ('default_hooks.timer*', Verdict.FOLLOWED),
    ('default_hooks.checkpoint*', Verdict.FOLLOWED),
    ('default_hooks.throughput*', Verdict.FOLLOWED),
    ('default_hooks.interrupt*', Verdict.FOLLOWED),
    ('default_hooks.watchdog*', Verdict.FOLLOWED),
    ('default_hooks.visualization*', Verdict.FOLLOWED),
    ('default_hooks.corrupt_files.max_corrupt_ratio', Verdict.FOLLOWED),
    ('default_hooks.finite_guard.max_skips', Verdict.FOLLOWED),
    ('val_*', Verdict.FOLLOWED),
    ('test_*', Verdict.FOLLOWED),
    ('train_cfg.val_*', Verdict.FOLLOWED),
    ('train_cfg.dynamic_intervals*', Verdict.FOLLOWED),
    ('train_dataloader.num_workers', Verdict.FOLLOWED),
    ('train_dataloader.persistent_workers', Verdict.FOLLOWED),
    ('train_dataloader.prefetch_factor', Verdict.FOLLOWED),
    ('train_dataloader.pin_memory', Verdict.FOLLOWED),
    ('train_dataloader.timeout', Verdict.FOLLOWED),
    ('train_dataloader.multiprocessing_context', Verdict.FOLLOWED),
    ('train_dataloader.dataset.*max_corrupt_ratio', Verdict.FOLLOWED),
    ('train_dataloader.dataset.*lazy_init', Verdict.FOLLOWED),
    ('train_dataloader.dataset.*serialize_data', Verdict.FOLLOWED),
    ('train_dataloader.dataset.*backend_args*', Verdict.FOLLOWED),
    ('train_dataloader.dataset.*listing_cache', Verdict.FOLLOWED),
    ('train_dataloader.dataset.*data_root', Verdict.NAMES),
    ('train_dataloader.dataset.*data_prefix*', Verdict.NAMES),
    ('train_dataloader.dataset.*ann_file', Verdict.NAMES),
    ('train_dataloader.dataset.*exclude*', Verdict.NAMES),
    ('model.*init_cfg*', Verdict.FOLLOWED),
    ('model.*with_cp', Verdict.FOLLOWED),
    ('model.*scores', Verdict.FOLLOWED),
    ('model.test_cfg*', Verdict.FOLLOWED),
    ('train_cfg.max_epochs', Verdict.CHOSEN),
    ('train_cfg.max_iters', Verdict.CHOSEN),
    ('param_scheduler*', Verdict.CHOSEN),
    ('optim_wrapper.optimizer.type', Verdict.REFUSED),
    ('optim_wrapper.optimizer.*', Verdict.CHOSEN),
    ('optim_wrapper.clip_grad*', Verdict.CHOSEN),
    ('optim_wrapper.type', Verdict.CHOSEN),
    ('optim_wrapper.dtype', Verdict.CHOSEN),
    ('optim_wrapper.loss_scale*', Verdict.CHOSEN),
    ('auto_scale_lr*', Verdict.CHOSEN),
)
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
        verdict: Effect on the resumed run.
    """

    key: str
    then: Any
    now: Any
    verdict: Verdict


def verdict_of(key: str) -> Verdict:
    """Return the rule for a changed key."""
    for pattern, verdict in RULES:
        expression = '.*'.join(map(re.escape, pattern.split('*')))
        if re.fullmatch(expression, key):
            return verdict
    return Verdict.REFUSED


def differences(
    then: Mapping[str, Any], now: Mapping[str, Any]
) -> list[Difference]:
    """Return the settings that differ between two configs, with their rules.

    The seed is left out: ``StartPoint`` has that of the checkpoint.

    Args:
        then, now: Configs from ``plain_config``.
    """
    return [
        Difference(key, one, other, verdict_of(key))
        for key, one, other in _differing(_prepared(then), _prepared(now))
        if key != 'randomness.seed'
    ]


def _prepared(config: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(with_new_names(config))
    hooks = found.pop('custom_hooks', None) or []
    kept = [one for one in hooks if _kind(one) not in HARMLESS_HOOKS]
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


def _kind(hook: Any) -> str:
    kind = hook.get('type', '') if isinstance(hook, Mapping) else ''
    return str(kind).split('.')[-1]


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
