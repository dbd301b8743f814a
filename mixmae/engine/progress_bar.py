"""One line that says how far a job is and when it will be done."""

import sys
import time
from typing import Any, TextIO

from mmengine.hooks import Hook
from mmengine.runner import Runner

WIDTH = 30


def clock(seconds: float) -> str:
    """Minutes and seconds, e.g. 2:07."""
    whole = max(0, round(seconds))
    return f'{whole // 60}:{whole % 60:02d}'


class ProgressBar:
    """Redraws one line on a terminal; in a log, prints a line per tenth.

    Args:
        title: What is being done.
        total: Number of steps.
        done: Steps that were done before, as in a resumed run.
        stream: Where to; standard output when None.
    """

    def __init__(
        self,
        title: str,
        total: int,
        done: int = 0,
        stream: TextIO | None = None,
    ) -> None:
        self.title = title
        self.total = total
        self.before = done
        self.stream = stream or sys.stdout
        self.started = time.monotonic()
        self.shown = -1

    def update(self, done: int, note: str = '') -> None:
        """Show that ``done`` steps of the total are done."""
        live = self.stream.isatty()
        part = done * (200 if live else 10) // self.total
        if part == self.shown:
            return
        self.shown = part
        spent = time.monotonic() - self.started
        rate = (done - self.before) / max(spent, 1e-9)
        left = clock((self.total - done) / rate) if rate else '?'
        bar = '#' * (WIDTH * done // self.total)
        text = f'{self.title:<12} [{bar:.<{WIDTH}}] {done}/{self.total} {note}'
        text += f' in {clock(spent)}' if done == self.total else f' ETA {left}'
        # The spaces wipe what a longer line left.
        end = '' if live and done < self.total else '\n'
        start = '\r' if live else ''
        print(f'{start}{text:<78}', end=end, file=self.stream, flush=True)


class ProgressHook(Hook):
    """A progress bar with the loss, for runs that log little.

    It is no part of any config: programs register it with their runner.
    """

    priority = 'VERY_LOW'

    def __init__(self, title: str = 'pretraining') -> None:
        self.title = title
        self.loss: float | None = None

    def before_train(self, runner: Runner) -> None:
        """Start the clock."""
        self.bar = ProgressBar(self.title, runner.max_iters, runner.iter)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Show the iteration and the running mean of the loss."""
        loss = float((outputs or {}).get('loss', float('nan')))
        previous = loss if self.loss is None else self.loss
        self.loss = 0.95 * previous + 0.05 * loss
        self.bar.update(runner.iter + 1, f'loss {self.loss:.3f}')
