"""Necks: each hides cells from an encoder and reveals its predictions."""

from mixmae.models.necks.mixmae_neck import MixMAENeck
from mixmae.models.necks.simmim_neck import SimMIMNeck
from mixmae.models.necks.um_mae_neck import UMMAENeck

__all__ = ['MixMAENeck', 'SimMIMNeck', 'UMMAENeck']
