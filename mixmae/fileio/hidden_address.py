"""Addresses whose secrets this process keeps to itself.

Configs are logged, and stored in work folders and checkpoints. They hold an
address as it may be shown; whoever downloads the file asks for the whole one.
"""

from mixmae.fileio.address import HIDDEN, public_address

# Shown address -> whole address, of this process.
_whole: dict[str, str] = {}


def hidden_address(address: str) -> str:
    """An address that may be stored and shown.

    Args:
        address: perhaps with a user or tokens; other text is returned as it
            is.

    Returns:
        With ``***`` in place of them; ``whole_address`` knows them.
    """
    shown = public_address(address)
    if shown == address:
        return address
    name, number = shown, 1
    # Two of one name differ in what is hidden.
    while _whole.setdefault(name, address) != address:
        number += 1
        name = shown.replace(HIDDEN, f'{HIDDEN}{number}', 1)
    return name


def whole_address(address: str) -> str:
    """The address that was hidden.

    Raises:
        ValueError: another process has hidden it.
    """
    found = _whole.get(address, address)
    if found == address and HIDDEN in address:
        raise ValueError(
            f'{address}: its user or tokens were left out when it was '
            f'stored; give the whole address, or a local file'
        )
    return found
