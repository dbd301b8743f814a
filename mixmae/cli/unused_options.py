"""Refusal of options that have no effect on a call."""

from __future__ import annotations

import argparse


def refuse_unused(
    args: argparse.Namespace, names: tuple[str, ...], reason: str
) -> None:
    """Refuse options that are given though nothing would read them.

    Args:
        args: Parsed arguments; an option that is not given is ``None``,
            ``False`` or empty.
        names: Attributes of ``args``.
        reason: End of the message, as in 'without --show-dir'.

    Raises:
        ValueError: One of them is given.
    """
    for name in names:
        value = getattr(args, name)
        if value is not None and value is not False and value != []:
            option = name.replace('_', '-')
            raise ValueError(f'--{option} has no effect {reason}')
