r"""Text out of files as it may be shown on a terminal.

Names of tensors, classes, files and the like may hold anything, escape
sequences of terminals among it: these move the cursor, set colours and titles,
or answer as if the user typed. Here control characters become ``\x1b`` and
such; so do characters that change the direction of text, and lone surrogates.
All else, letters of any script among it, stays as it is, also a backslash: the
text is for people, not for reading back (see ``escaped_path``).
"""

from __future__ import annotations

import re

from mixmae.fileio.escaped_path import SHORT

CONTROL = re.compile(
    '[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]'
)
# Of a name or a cause in a message.
SHOWN = 200


def printable(text: str) -> str:
    """The text on one line."""
    return CONTROL.sub(_escaped, text)


def printable_lines(text: str) -> str:
    """The text, whose lines and tabs are ours and stay."""
    return '\n'.join(
        '\t'.join(map(printable, line.split('\t')))
        for line in text.split('\n')
    )


def shortened(text: str, most: int = SHOWN) -> str:
    """The text on one line, without its middle if it is long."""
    text = printable(text)
    if len(text) <= most:
        return text
    half = most // 2
    return f'{text[:half]} ... {text[-half:]}'


def _escaped(found: re.Match) -> str:
    character = found[0]
    code = ord(character)
    wide = f'\\u{code:04x}' if code > 255 else f'\\x{code:02x}'
    return SHORT.get(character, wide)
