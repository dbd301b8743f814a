"""Necks: each hides cells from an encoder and reveals its predictions."""

from mixmae.models.necks.mixmae_neck import MixMAENeck
from mixmae.models.necks.simmim_neck import SimMIMNeck

__all__ = ['MixMAENeck', 'SimMIMNeck']
