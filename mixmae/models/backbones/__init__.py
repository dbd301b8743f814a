"""Encoders: the same object in pretraining and downstream."""

from mixmae.models.backbones.mim_swin import MIMSwin
from mixmae.models.backbones.mim_vit import MIMViT

__all__ = ['MIMSwin', 'MIMViT']
