"""FSDP: parameters, gradients and optimizer states split over ranks."""

from mixmae.registry import MODEL_WRAPPERS, RUNNERS, exports

__getattr__ = exports(__name__, MODEL_WRAPPERS, RUNNERS)
