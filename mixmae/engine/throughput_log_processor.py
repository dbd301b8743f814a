"""Log processor that reports throughput."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from mmengine.runner import LogProcessor, Runner

from mixmae.engine.hooks.throughput_hook import ThroughputHook, peak_memory
from mixmae.registry import LOG_PROCESSORS


@LOG_PROCESSORS.register_module()
class ThroughputLogProcessor(LogProcessor):
    """MMEngine's ``LogProcessor`` with the figures of ``ThroughputHook``.

    ``img_per_s``, ``data_wait`` and ``matmul_mfu`` (see there) are added to
    the log lines and to the JSON of training. So are ``memory`` without a GPU
    (peak memory of this process in MiB, loader workers excluded) and ``eta``
    in seconds. It replaces MMEngine's ``eta``, which ignores validation and a
    slow start.

    Args are those of MMEngine's ``LogProcessor``.
    """

    def get_log_after_iter(
        self, runner: Runner, batch_idx: int, mode: str
    ) -> tuple[dict, str]:
        """Return the values and the log line of an iteration."""
        hook = next(
            (one for one in runner.hooks if isinstance(one, ThroughputHook)),
            None,
        )
        if mode != 'train' or hook is None:
            return super().get_log_after_iter(runner, batch_idx, mode)
        figures: dict[str, Any] = hook.figures(runner)
        if 'eta' in figures:
            runner.message_hub.update_info('eta', figures['eta'])
        tag, line = super().get_log_after_iter(runner, batch_idx, mode)
        memory = peak_memory()
        if 'memory' not in tag and not math.isnan(memory):
            figures['memory'] = round(memory)
        prefix = 'train/' if self.log_with_hierarchy else ''
        tag.update({prefix + key: value for key, value in figures.items()})
        shown = [
            f'{key}: {_SHOWN[key](value)}'
            for key, value in figures.items()
            if key in _SHOWN
        ]
        return tag, '  '.join([line, *shown])


def _three_digits(value: float) -> str:
    """Format three significant digits, but keep all integer digits."""
    return f'{value:.0f}' if value >= 100 else f'{value:.3g}'


_SHOWN: dict[str, Callable[[Any], str]] = {
    'img_per_s': _three_digits,
    'data_wait': lambda share: f'{share:.1%}',
    'matmul_mfu': lambda share: f'{share:.1%}',
    'memory': str,
}
