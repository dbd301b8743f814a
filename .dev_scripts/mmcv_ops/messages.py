"""What is said while ops are built."""

from __future__ import annotations


class OpsError(RuntimeError):
    """The ops cannot be had; the message says why."""


def say(message: str) -> None:
    """Print one line of progress at once."""
    print(f'[mmcv ops] {message}', flush=True)
