r"""Escaping of paths as one line of text.

File names may contain line breaks, tabs and bytes that are not UTF-8 (which
Python represents as lone surrogates). These become ``\n``, ``\t``, ``\x07``
and ``\udc80``, and a backslash is doubled; all other characters, including
letters of any script, are unchanged.
"""

import re

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
        f'{text!r} stands for no character; a backslash is written as two'
    )
