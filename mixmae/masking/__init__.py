"""Maskings: pure functions of a size and a generator.

``mixmae.masking.masking.Masking`` is their contract.
"""

from mixmae.registry import TASK_UTILS, exports

__getattr__ = exports(__name__, TASK_UTILS)
