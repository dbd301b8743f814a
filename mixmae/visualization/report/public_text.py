"""Text of a report without private names of the machine."""

from __future__ import annotations

import getpass
import socket
from pathlib import Path

from mixmae.fileio.address import public_addresses
from mixmae.fileio.shown_text import printable_lines

# Shorter names would be found within words.
SHORTEST = 4


def public_text(text: str) -> str:
    """Return a text without credentials, host name and home folder."""
    text = printable_lines(public_addresses(text))
    text = (
        text.replace(str(Path.home()), '~')
        if Path.home() != Path('/')
        else text
    )
    for name, shown in ((socket.gethostname(), 'HOST'), (_user(), 'USER')):
        if len(name) >= SHORTEST:
            text = text.replace(name, shown)
    return text


def _user() -> str:
    try:
        name = getpass.getuser()
    # No entry for the user, as in containers.
    except (KeyError, OSError):
        return ''
    # Part of many words and paths.
    return '' if name in ('root', 'user', 'data', 'admin') else name
