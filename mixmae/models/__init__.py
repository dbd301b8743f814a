"""The model and its parts; they need torch and MMEngine only."""

from mixmae.registry import MODELS, exports

__getattr__ = exports(__name__, MODELS)
