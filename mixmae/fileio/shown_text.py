"""Filter of text for a terminal, a log or a report.

It removes credentials from addresses (``address``) and escapes control
sequences of terminals (``printable``).
"""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from types import TracebackType
from typing import Any

from mixmae.fileio.address import public_addresses
from mixmae.fileio.printable import printable, printable_lines

# Longer error lines are truncated.
LONGEST = 2000
_plain_warning = warnings.formatwarning


def shown_line(text: str) -> str:
    """Return the text on one line of at most ``LONGEST`` characters."""
    line = printable(public_addresses(text))
    return line if len(line) <= LONGEST else f'{line[:LONGEST]} ...'


def shown_lines(text: str) -> str:
    """Return the filtered text with its line breaks."""
    return printable_lines(public_addresses(text))


class ShownRecord(logging.LogRecord):
    """Log record with a filtered message."""

    def getMessage(self) -> str:
        return shown_lines(super().getMessage())


def guard_output() -> None:
    """Filter the logs, warnings and tracebacks of this process.

    For programs only; the library does not call it.
    """
    logging.setLogRecordFactory(ShownRecord)
    warnings.formatwarning = _shown_warning  # type: ignore[assignment]
    sys.excepthook = _print_traceback


def _shown_warning(*arguments: Any, **options: Any) -> str:
    return shown_lines(_plain_warning(*arguments, **options))


def _print_traceback(
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
) -> None:
    text = ''.join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(shown_lines(text))
