"""Python API of trained networks: reconstructions and features."""

from mixmae.registry import INFERENCERS, exports

__getattr__ = exports(__name__, INFERENCERS)
