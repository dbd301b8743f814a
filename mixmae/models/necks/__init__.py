"""Necks: each hides cells from an encoder and reveals its predictions.

``NormedPooling`` is for classifiers.
"""

from mixmae.registry import MODELS, exports

__getattr__ = exports(__name__, MODELS)
