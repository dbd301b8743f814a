"""Transforms of images, and checks of their annotations."""

from mixmae.registry import TRANSFORMS, exports

__getattr__ = exports(__name__, TRANSFORMS)
