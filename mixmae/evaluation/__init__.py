"""Metrics, kNN and probes of a backbone."""

from mixmae.registry import METRICS, exports

__getattr__ = exports(__name__, METRICS)
