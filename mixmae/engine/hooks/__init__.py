"""Hooks."""

from mixmae.registry import HOOKS, exports

__getattr__ = exports(__name__, HOOKS)
