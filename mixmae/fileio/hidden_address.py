"""Addresses whose secrets stay in this process.

Configs are logged, and stored in work folders and checkpoints. They contain
the public form of an address; the code that downloads the file looks up the
complete one.
"""

from mixmae.fileio.address import HIDDEN, public_address

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
            f'{address}: its user or tokens were left out when it was '
            f'stored; give the whole address, or a local file'
        )
    return found
