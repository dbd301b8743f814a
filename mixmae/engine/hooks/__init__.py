"""Hooks of a training: checkpoints, seeds, guards, probes, report."""

from mixmae.registry import HOOKS, exports

__getattr__ = exports(__name__, HOOKS)
