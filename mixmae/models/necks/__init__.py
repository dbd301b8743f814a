"""Necks: each hides cells from an encoder and reveals its predictions.

But for ``NormedPooling``, which is a classifier's.
"""

from mixmae.models.necks.mixmae_neck import MixMAENeck
from mixmae.models.necks.normed_pooling import NormedPooling
from mixmae.models.necks.simmim_neck import SimMIMNeck
from mixmae.models.necks.um_mae_neck import UMMAENeck

__all__ = ['MixMAENeck', 'NormedPooling', 'SimMIMNeck', 'UMMAENeck']
