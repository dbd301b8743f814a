"""Loops of the runner: training that resumes exactly, evaluation."""

from mixmae.registry import LOOPS, exports

__getattr__ = exports(__name__, LOOPS)
