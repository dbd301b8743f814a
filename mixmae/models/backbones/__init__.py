"""Encoders: the same object in pretraining and downstream."""

from mixmae.models.backbones.mim_pvt import MIMPVT
from mixmae.models.backbones.mim_swin import MIMSwin
from mixmae.models.backbones.mim_twins import MIMTwins
from mixmae.models.backbones.mim_vit import MIMViT

__all__ = ['MIMPVT', 'MIMSwin', 'MIMTwins', 'MIMViT']
