"""Encoders: the same object in pretraining and downstream."""

from mixmae.models.backbones.mim_swin import MIMSwin

__all__ = ['MIMSwin']
