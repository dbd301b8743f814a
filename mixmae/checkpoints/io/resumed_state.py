"""Checked values that a run restores from a checkpoint."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

from mmengine.logging import print_log
from mmengine.optim import _ParamScheduler

from mixmae.checkpoints.io.checkpoint_writer import NOTED_FILES

PARTS = ('log_scalars', 'runtime_info', 'resumed_keys')
# Without them MMEngine would restart the optimizer and the schedule.
STATES = ('state_dict', 'message_hub', 'optimizer')
# Counts in the state of a schedule, and their least value: a schedule that has
# not begun, such as a cosine after a warm-up, is at step -1.
STEPS = {'last_step': -1, '_global_step': 0}


def checked_hub(hub: Any, path: str) -> dict[str, Any] | None:
    """Return the state of a message hub without untrusted values.

    Args:
        hub: ``message_hub`` of a checkpoint.
        path: Path of the checkpoint, for the log.

    Returns:
        ``None`` if it is not the state of a message hub.
    """
    if not _is_hub(hub):
        return None
    info = {}
    for key, value in hub['runtime_info'].items():
        if not isinstance(key, str) or NOTED_FILES.fullmatch(key):
            continue
        # Best scores are named by their metric.
        best = key.startswith('best_score')
        check = _is_number if best else CHECKS.get(key)
        if check is None or check(value):
            info[key] = value
            continue
        print_log(
            f'{path}: {key} does not have the form that a run writes, and is '
            'ignored',
            'current',
            logging.WARNING,
        )
    scalars = dict(hub['log_scalars'])
    return {
        'log_scalars': scalars,
        'runtime_info': info,
        'resumed_keys': {
            key: value is True
            for key, value in hub['resumed_keys'].items()
            if key in info or key in scalars
        },
    }


def reason_not_to_resume(content: Mapping[str, Any]) -> str | None:
    """Return why a run cannot resume from a checkpoint; ``None`` if it can."""
    meta = content.get('meta')
    if not isinstance(meta, Mapping):
        return 'it has no meta with an iteration'
    for key in ('epoch', 'iter'):
        if not _is_count(meta.get(key)):
            return f'its meta has no {key}, a number of 0 or more'
    seed = meta.get('seed')
    if seed is not None and type(seed) is not int:
        return f'its seed is a {type(seed).__name__}'
    missing = [key for key in STATES if key not in content]
    if missing:
        return f'it has no {missing[0]}'
    if not isinstance(content['optimizer'], Mapping):
        return 'its optimizer is not the state of an optimizer'
    if not all(map(_is_schedule, schedule_states(content))):
        return 'its param_schedulers are not states of schedules'
    if not _is_hub(content['message_hub']):
        return 'its message_hub was not written by MMEngine'
    return None


def _is_hub(hub: Any) -> bool:
    return isinstance(hub, Mapping) and all(
        isinstance(hub.get(part), Mapping) for part in PARTS
    )


def schedule_states(content: Mapping[str, Any]) -> list[Any]:
    """Return the states of the schedules in a checkpoint."""
    found = content.get('param_schedulers') or []
    if isinstance(found, Mapping):
        found = [state for states in found.values() for state in states]
    return found if isinstance(found, list) else [found]


def _is_schedule(state: Any) -> bool:
    # MMEngine sets every entry as an attribute, methods too.
    return (
        isinstance(state, Mapping)
        and all(
            _is_count(state.get(key), least) for key, least in STEPS.items()
        )
        and not any(hasattr(_ParamScheduler, str(key)) for key in state)
    )


def _is_count(value: Any, least: int = 0) -> bool:
    return type(value) is int and value >= least


def _is_number(value: Any) -> bool:
    # A score may be a tensor or a NumPy number.
    if getattr(value, 'ndim', None) == 0 and hasattr(value, 'item'):
        value = value.item()
    return (
        isinstance(value, Real)
        and not isinstance(value, bool)
        and not math.isnan(value)
    )


def _are_counts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_count, value.values()))


def _are_names(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) for name in value.values()
    )


CHECKS: dict[str, Callable[[Any], bool]] = {
    'epoch': _is_count,
    'iter': _is_count,
    'max_epochs': _is_count,
    'max_iters': _is_count,
    'skipped_updates': _are_counts,
    'train_loader': _are_counts,
    'best_files': _are_names,
}
