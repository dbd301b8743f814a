"""Python API: pretrain, finetune, predict, reconstruct, features, export."""

from mixmae.registry import INFERENCERS, exports

__getattr__ = exports(__name__, INFERENCERS)
