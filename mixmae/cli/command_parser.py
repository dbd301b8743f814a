"""Parser of the command lines."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any


class CommandParser(argparse.ArgumentParser):
    """``ArgumentParser`` that rejects values that no option accepts.

    These are empty strings, which ``Path`` would take for the current folder,
    integers beyond 64 bits, and floats that are not finite.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.register('type', None, _text)
        self.register('type', Path, lambda text: Path(_text(text)))
        self.register('type', int, _integer)
        self.register('type', float, _number)


def _text(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError('must not be empty')
    return text


def _integer(text: str) -> int:
    value = int(text)
    if abs(value) >= 2**63:
        raise argparse.ArgumentTypeError(f'{text} is too large')
    return value


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f'must be finite, got {text}')
    return value
