"""The gate for text on its way to a terminal, a log or a report.

It takes out what addresses grant (``address``) and makes visible what would
steer a terminal (``printable``).
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

# A line of an error that is longer says less.
LONGEST = 2000
_plain_warning = warnings.formatwarning


def shown_line(text: str) -> str:
    """The text on one line of ``LONGEST`` characters at most."""
    line = printable(public_addresses(text))
    return line if len(line) <= LONGEST else f'{line[:LONGEST]} ...'


def shown_lines(text: str) -> str:
    """The text, on as many lines as it has."""
    return printable_lines(public_addresses(text))


class ShownRecord(logging.LogRecord):
    """Log record whose message has passed the gate."""

    def getMessage(self) -> str:
        return shown_lines(super().getMessage())


def guard_output() -> None:
    """Lets logs, warnings and tracebacks of this process pass the gate.

    Programs call it, not the library.
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
