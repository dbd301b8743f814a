"""Encoders: the same object in pretraining and downstream."""

from mixmae.registry import MODELS, exports

__getattr__ = exports(__name__, MODELS)
