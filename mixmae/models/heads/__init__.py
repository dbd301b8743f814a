"""Heads: the target of the prediction and its loss."""

from mixmae.registry import MODELS, exports

__getattr__ = exports(__name__, MODELS)
