"""Errors for options without effect."""

from __future__ import annotations

import argparse


def refuse_unused(
    args: argparse.Namespace, names: tuple[str, ...], reason: str
) -> None:
    """Raise an error for given options that have no effect.

    Args:
        args: Parsed arguments; options that are not given are ``None``,
            ``False`` or empty.
        names: Attributes of ``args`` to check.
        reason: End of the message, as in 'without --show-dir'.

    Raises:
        ValueError: One of the options is given.
    """
    for name in names:
        value = getattr(args, name)
        if value is not None and value is not False and value != []:
            option = name.replace('_', '-')
            raise ValueError(f'--{option} has no effect {reason}')
