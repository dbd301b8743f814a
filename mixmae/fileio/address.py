"""Addresses without what grants access: user, password, tokens.

An address such as ``https://user:password@host/x.pth?token=...`` is a secret.
It must not stand in messages, logs, configs and checkpoints, which are passed
on.
"""

from __future__ import annotations

import base64
import re
from urllib.parse import unquote, urldefrag, urlsplit, urlunsplit

HIDDEN = '***'
# Two slashes, or one, as paths have them; drives of Windows have one letter.
ADDRESS = re.compile(
    r'(?P<scheme>\b[a-z][a-z0-9+.-]+:/{1,2})(?P<place>[^\s\'"<>`]+)', re.I
)
WHOLE = re.compile(
    r'(?P<scheme>[a-z][a-z0-9+.-]+:/{1,2})(?P<place>.+)', re.I | re.S
)
USER = re.compile(
    # Also where a password holds characters that it should not.
    r'^(?:[^/?#]*|[^/?#:@]*:(?!\d*(?:[/?#]|$))[^?]*)@'
)
# Which values of a query tell the file, and grant nothing.
PLAIN = re.compile(
    r'(?:download|raw|dl|alt|export|format|version|v|ref|rev|revision|id|'
    r'name|file|path)=[^&;#]{0,64}',
    re.I,
)
CHECKSUM = re.compile(r'sha256=[0-9a-f]*', re.I)


def public_address(address: str) -> str:
    """The address with ``***`` in place of what it grants.

    That is the user with a password, values of the query but for a few that
    are known to be harmless, and fragments other than a checksum. Other text,
    such as a path, is returned as it is.
    """
    found = WHOLE.fullmatch(address)
    return _public(found) if found else address


def public_addresses(text: str) -> str:
    """The text with addresses in it as ``public_address`` gives them.

    An address ends at a space or quotation mark.
    """
    if ':/' not in text:
        return text
    return ADDRESS.sub(_public, text)


def without_user(address: str) -> tuple[str, str | None]:
    """Splits an http(s) address for a request.

    Returns:
        The address without its user and fragment, and the value of the header
        ``Authorization`` that says the user instead, None if there is none.
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
    """A text, such as an error's, that may quote parts of an address."""
    query = urlsplit(address).query
    values = [part.partition('=')[2] for part in re.split('[&;]', query)]
    secrets = [query, *values] if public_address(address) != address else []
    # The longest first, for one may be in another.
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
