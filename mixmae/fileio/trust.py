"""Whether pickles may run code: never, unless the user says so.

One switch for the whole process, because MMEngine calls loaders from deep
inside a model's construction.
"""

from __future__ import annotations

import argparse
from typing import Any

FLAG = '--trust-checkpoint'
_trusted = False


def trusted() -> bool:
    """Whether files may be unpickled without any check."""
    return _trusted


def set_trusted(value: bool) -> None:
    """Lets pickles run what they name, or no longer.

    A pickle may do whatever you may do: delete your files, send your keys
    away. The weights of a model never need it.
    """
    global _trusted
    _trusted = value


class _TrustAction(argparse.Action):
    def __call__(self, *_: Any, **__: Any) -> None:
        set_trusted(True)


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    """``--trust-checkpoint``, which takes effect as it is parsed."""
    parser.add_argument(
        FLAG,
        action=_TrustAction,
        nargs=0,
        dest=argparse.SUPPRESS,
        default=argparse.SUPPRESS,
        help='DANGER: let pickles (checkpoints and annotation files) that '
        'hold more than tensors and plain values run the code that they '
        'carry, with all your rights; only for files whose author you know',
    )
