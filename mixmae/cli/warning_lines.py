"""Warnings of commands that do not train, as lines without a source."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from mmengine.logging import MMLogger

from mixmae.fileio.shown_text import shown_lines

# Messages of libraries about what is intended here.
NOISE = (
    'Image shapes are different in the batch',
    'Default ``avg_non_ignore`` is False',
    'For binary segmentation, we suggest',
    'Warning: The (bbox|polygon) is out of bounds',
)


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
