"""Progress bars of jobs that report their counts, and of trainings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from tqdm import tqdm


def progress_bar(title: str, unit: str = 'file') -> Callable[..., None]:
    """Callback ``(done, total, note='')`` that draws a bar on a terminal.

    It draws nothing where stderr is a file.
    """
    bar = tqdm(desc=title, unit=unit, disable=None)

    def show(done: int, total: int, note: str = '') -> None:
        bar.total = total
        bar.set_postfix_str(note, refresh=False)
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return show


class ProgressHook(Hook):
    """Progress bar of a training with its loss; in a log twice a minute."""

    priority = 'VERY_LOW'

    def before_train(self, runner: Runner) -> None:
        """Start the bar."""
        self.bar = tqdm(
            total=runner.max_iters,
            initial=runner.iter,
            desc='pretraining',
            mininterval=0.5 if sys.stderr.isatty() else 30,
        )

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Show the iteration and its loss."""
        loss = float((outputs or {}).get('loss', float('nan')))
        self.bar.set_postfix_str(f'loss {loss:.3f}', refresh=False)
        self.bar.update()

    def after_train(self, runner: Runner) -> None:
        """End the bar."""
        self.bar.close()
