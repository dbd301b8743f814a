r"""Text from files, for a terminal, a log, a report or a list.

File names may contain line breaks, control sequences of terminals and bytes
that are not UTF-8 (which Python represents as lone surrogates). ``escape``
makes one line of a path that ``unescape`` can read back; ``printable`` is for
people: it escapes everything that could control a terminal, and leaves
letters of any script and backslashes unchanged. ``shown_line`` and
``shown_lines`` also remove credentials from addresses (``address``).
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
import warnings
from types import TracebackType
from typing import Any

from mixmae.fileio.address import public_addresses

SHORT = {'\\': '\\\\', '\n': '\\n', '\t': '\\t', '\r': '\\r'}
LONG = {text: character for character, text in SHORT.items()}
# Control characters, Unicode line breaks, and lone surrogates.
SPECIAL = re.compile('[\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')
ESCAPED = re.compile(r'\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|[^xu]|.?)')


def escape(path: str) -> str:
    """Return the path on one line."""
    return SPECIAL.sub(_escaped, path)


def unescape(text: str) -> str:
    """Return the original of an escaped path.

    Raises:
        ValueError: The text contains an invalid escape sequence.
    """
    return ESCAPED.sub(_plain, text)


def _escaped(found: re.Match) -> str:
    character = found[0]
    code = ord(character)
    if character in SHORT:
        return SHORT[character]
    return f'\\x{code:02x}' if code < 256 else f'\\u{code:04x}'


def _plain(found: re.Match) -> str:
    text = found[0]
    if text in LONG:
        return LONG[text]
    if len(text) in (4, 6):
        return chr(int(text[2:], 16))
    raise ValueError(
        f'{text!r} is not a valid escape; write a backslash as two'
    )


CONTROL = re.compile(
    '[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]'
)
# Maximum length of a name or a cause in a message.
SHOWN = 200


def printable(text: str) -> str:
    """Return the text on one line."""
    return CONTROL.sub(_escaped, text)


def printable_lines(text: str) -> str:
    """Return the text; line breaks and tabs are kept."""
    return '\n'.join(
        '\t'.join(map(printable, line.split('\t')))
        for line in text.split('\n')
    )


def shortened(text: str, most: int = SHOWN) -> str:
    """Return the text on one line, without its middle if it is long."""
    text = printable(text)
    if len(text) <= most:
        return text
    half = most // 2
    return f'{text[:half]} ... {text[-half:]}'


def cause_of(error: BaseException) -> str:
    """Return type and first line of a library's exception, on one line."""
    first = str(error).strip().split('\n')[0]
    return f'{type(error).__name__}: {shortened(first)}'


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
