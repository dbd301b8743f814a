r"""Paths as one line of text, whatever characters they have.

Names of files may hold line breaks, tabs and bytes that are no UTF-8 (which
Python shows as lone surrogates). Here these become ``\n``, ``\t``, ``\x07``
and ``\udc80``, and a backslash becomes two; all else, letters of any script
among it, stays as it is.
"""

import re

SHORT = {'\\': '\\\\', '\n': '\\n', '\t': '\\t', '\r': '\\r'}
LONG = {text: character for character, text in SHORT.items()}
# Control characters, Unicode's own line breaks, and lone surrogates.
SPECIAL = re.compile('[\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')
ESCAPED = re.compile(r'\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|[^xu]|.?)')


def escape(path: str) -> str:
    """The path on one line."""
    return SPECIAL.sub(_escaped, path)


def unescape(text: str) -> str:
    """The path that was escaped.

    Raises:
        ValueError: there is a backslash that stands for nothing.
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
        f'{text!r} stands for no character; a backslash is written as two'
    )
