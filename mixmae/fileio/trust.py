"""Switch for unpickling untrusted files, off by default.

It is one switch per process, because MMEngine calls loaders from deep inside
the construction of a model.
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
    """Allow or forbid that pickles run arbitrary code.

    A pickle has all permissions of the user: it can delete files or send
    away keys. The weights of a model never need it.
    """
    global _trusted
    _trusted = value


class _TrustAction(argparse.Action):
    def __call__(self, *_: Any, **__: Any) -> None:
        set_trusted(True)


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--trust-checkpoint``, which takes effect when parsed."""
    parser.add_argument(
        FLAG,
        action=_TrustAction,
        nargs=0,
        dest=argparse.SUPPRESS,
        default=argparse.SUPPRESS,
        help='DANGER: allow pickles (checkpoints and annotation files) with '
        'more than tensors and plain values to run code with your '
        'permissions; only for files whose author you trust',
    )
