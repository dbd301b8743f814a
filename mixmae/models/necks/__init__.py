"""Necks: each hides cells from an encoder and reveals its predictions."""

from mixmae.models.necks.mixmae_neck import MixMAENeck

__all__ = ['MixMAENeck']
