"""The command ``doctor``: list installed packages and their problems."""

from __future__ import annotations

from collections.abc import Sequence

from mixmae.cli.command_line import CommandParser
from mixmae.doctor import __main__ as doctor


def main(argv: Sequence[str] | None = None) -> int:
    """Check the installation; return the exit status."""
    parser = CommandParser(
        description='List what is installed and, for each thing that would '
        'not work, the reason and the command that fixes it'
    )
    parser.parse_args(argv)
    return doctor.main()
