"""Progress bars for jobs and trainings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from tqdm import tqdm


def progress_bar(title: str, unit: str = 'file') -> Callable[..., None]:
    """Return a callback ``(done, total, note='')`` that draws a progress bar.

    The bar is not drawn if stderr is not a terminal.
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
    """Progress bar of a training; in a file, a line every 30 s."""

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
        """Close the bar."""
        self.bar.close()
