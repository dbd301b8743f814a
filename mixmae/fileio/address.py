"""Addresses without credentials: user, password, tokens.

An address such as ``https://user:password@host/x.pth?token=...`` is a secret.
It must not appear in messages, logs, configs and checkpoints, which may be
shared. They contain its public form; the code that downloads the file looks
up the complete one, which stays in this process.
"""

from __future__ import annotations

import base64
import re
from urllib.parse import unquote, urldefrag, urlsplit, urlunsplit

HIDDEN = '***'
# Two slashes, or one, as in paths; drives of Windows have one letter.
ADDRESS = re.compile(
    r'(?P<scheme>\b[a-z][a-z0-9+.-]+:/{1,2})(?P<place>[^\s\'"<>`]+)', re.I
)
WHOLE = re.compile(
    r'(?P<scheme>[a-z][a-z0-9+.-]+:/{1,2})(?P<place>.+)', re.I | re.S
)
USER = re.compile(
    # Also if a password contains characters that should be escaped.
    r'^(?:[^/?#]*|[^/?#:@]*:(?!\d*(?:[/?#]|$))[^?]*)@'
)
# Query values that identify the file and grant no access.
PLAIN = re.compile(
    r'(?:download|raw|dl|alt|export|format|version|v|ref|rev|revision|id|'
    r'name|file|path)=[^&;#]{0,64}',
    re.I,
)
CHECKSUM = re.compile(r'sha256=[0-9a-f]*', re.I)


def is_address(text: object) -> bool:
    """Return True if a text is a URL, a bucket or a path on another host.

    ``Path`` makes one slash of two.
    """
    return WHOLE.fullmatch(str(text)) is not None


def public_address(address: str) -> str:
    """Return the address with ``***`` in place of credentials.

    Credentials are the user with a password, all query values except a few
    that are known to be harmless, and fragments other than a checksum. Other
    text, such as a path, is returned unchanged.
    """
    found = WHOLE.fullmatch(address)
    return _public(found) if found else address


def public_addresses(text: str) -> str:
    """Apply ``public_address`` to all addresses in a text.

    An address ends at a space or quotation mark.
    """
    if ':/' not in text:
        return text
    return ADDRESS.sub(_public, text)


def without_user(address: str) -> tuple[str, str | None]:
    """Split an http(s) address for a request.

    Returns:
        The address without user and fragment, and the value of the
        ``Authorization`` header for the user, None if there is none.
    """
    parts = urlsplit(urldefrag(address)[0])
    user, at, host = parts.netloc.rpartition('@')
    plain = urlunsplit(parts._replace(netloc=host))
    if not at:
        return plain, None
    name, _, password = user.partition(':')
    pair = f'{unquote(name)}:{unquote(password)}'
    return plain, f'Basic {base64.b64encode(pair.encode()).decode()}'


def without_secrets(text: str, address: str) -> str:
    """Return a text, such as an error's, without secrets of an address."""
    query = urlsplit(address).query
    values = [part.partition('=')[2] for part in re.split('[&;]', query)]
    secrets = [query, *values] if public_address(address) != address else []
    # The longest first, as one may contain another.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return public_addresses(text)


def _public(found: re.Match) -> str:
    place = USER.sub(f'{HIDDEN}@', found['place'])
    rest, hash_, fragment = place.partition('#')
    rest, mark, query = rest.partition('?')
    parts = re.split('([&;])', query)
    parts[::2] = [_public_value(part) for part in parts[::2]]
    if fragment and not CHECKSUM.match(fragment):
        fragment = HIDDEN
    return ''.join((found['scheme'], rest, mark, *parts, hash_, fragment))


def _public_value(part: str) -> str:
    if not part or PLAIN.fullmatch(part):
        return part
    name, equals, _ = part.partition('=')
    return f'{name}={HIDDEN}' if equals else HIDDEN


# Public address -> complete address, per process.
_whole: dict[str, str] = {}


def hidden_address(address: str) -> str:
    """Return an address that may be stored and shown.

    Args:
        address: Address, possibly with a user or tokens; other text is
            returned unchanged.

    Returns:
        The address with ``***`` in place of secrets, which ``full_address``
        restores.
    """
    shown = public_address(address)
    if shown == address:
        return address
    name, number = shown, 1
    # Addresses with the same public form differ in their secrets.
    while _whole.setdefault(name, address) != address:
        number += 1
        name = shown.replace(HIDDEN, f'{HIDDEN}{number}', 1)
    return name


def full_address(address: str) -> str:
    """Return the complete address of a public one.

    Raises:
        ValueError: The address was hidden by another process.
    """
    found = _whole.get(address, address)
    if found == address and HIDDEN in address:
        raise ValueError(
            f'{address}: its credentials were removed when it was stored; '
            'pass the complete URL, or a local file'
        )
    return found
