"""Transforms of images, and checks of their annotations.

A new one is also named in ``TRANSFORMS`` of ``mixmae/registry.py``.
"""

from mixmae.registry import TRANSFORMS, exports

__getattr__ = exports(__name__, TRANSFORMS)
