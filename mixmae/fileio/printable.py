r"""Text from files, escaped for a terminal.

Names of tensors, classes, files and so on may contain anything, including
escape sequences of terminals, which move the cursor, set colours and titles,
or reply as if the user typed. Control characters become ``\x1b`` and so on, as
do characters that change the direction of text, and lone surrogates. All other
characters, including letters of any script and backslashes, are unchanged: the
text is for people and cannot be parsed back (see ``escaped_path`` for that).
"""

from __future__ import annotations

import re

from mixmae.fileio.escaped_path import SHORT

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


def _escaped(found: re.Match) -> str:
    character = found[0]
    code = ord(character)
    wide = f'\\u{code:04x}' if code > 255 else f'\\x{code:02x}'
    return SHORT.get(character, wide)
