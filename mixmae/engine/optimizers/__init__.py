"""Optimizer wrappers and their constructors."""

from mixmae.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, exports

__getattr__ = exports(__name__, OPTIM_WRAPPERS, OPTIM_WRAPPER_CONSTRUCTORS)
