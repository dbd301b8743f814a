"""Output to a terminal: progress bars, and warnings as lines."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from tqdm import tqdm

from mixmae.fileio.shown_text import shown_lines

# Messages of libraries about what is intended here.
NOISE = (
    'Image shapes are different in the batch',
    'Default ``avg_non_ignore`` is False',
    'For binary segmentation, we suggest',
    'Warning: The (bbox|polygon) is out of bounds',
)


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


def plain_warnings() -> None:
    """Log messages as they are, warnings as ``warning: ...``.

    The format of MMEngine, with date and logger, is that of trainings.
    """
    warnings.formatwarning = _plain_warning  # type: ignore[assignment]
    for message in NOISE:
        warnings.filterwarnings('ignore', message)
    for handler in MMLogger.get_current_instance().handlers:
        handler.setFormatter(_Plain())
        handler.addFilter(_is_needed)


def _plain_warning(message: Warning | str, *_: Any) -> str:
    return f'warning: {shown_lines(str(message))}\n'


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.levelno < logging.WARNING:
            return text
        return f'{record.levelname.lower()}: {text}'


def _is_needed(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(NOISE[0])
