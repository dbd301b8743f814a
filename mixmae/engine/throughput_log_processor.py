"""The lines of a training's log."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from mmengine.runner import LogProcessor, Runner

from mixmae.engine.hooks.throughput_hook import ThroughputHook, peak_memory
from mixmae.registry import LOG_PROCESSORS


@LOG_PROCESSORS.register_module()
class ThroughputLogProcessor(LogProcessor):
    """MMEngine's, with the figures of a ``ThroughputHook``.

    ``img_per_s``, ``data_wait`` and ``matmul_mfu``, explained there, are
    added to lines and to the JSON of training, as are ``memory``, in MiB,
    where there is no GPU (the most that this process has held, its loader's
    workers left out), and ``eta``, in seconds, which takes the place of
    MMEngine's: that one counts neither validation nor a slow start.

    Args are those of MMEngine's ``LogProcessor``.
    """

    def get_log_after_iter(
        self, runner: Runner, batch_idx: int, mode: str
    ) -> tuple[dict, str]:
        """Figures and line of an iteration."""
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
    """No more, and none that is not one of the number's."""
    return f'{value:.0f}' if value >= 100 else f'{value:.3g}'


_SHOWN: dict[str, Callable[[Any], str]] = {
    'img_per_s': _three_digits,
    'data_wait': lambda share: f'{share:.1%}',
    'matmul_mfu': lambda share: f'{share:.1%}',
    'memory': str,
}
