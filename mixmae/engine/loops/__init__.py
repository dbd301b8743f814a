"""Loops of the runner."""

from mixmae.registry import LOOPS, exports

__getattr__ = exports(__name__, LOOPS)
