"""The model and its parts; they need torch and MMEngine alone."""

from mixmae.models.backbones import MIMPVT, MIMSwin, MIMTwins, MIMViT
from mixmae.models.data_preprocessor import MaskingDataPreprocessor
from mixmae.models.encoder_input import EncoderInput
from mixmae.models.heads import (
    DualReconstructionHead,
    MaskedReconstructionHead,
)
from mixmae.models.masked_image_model import MaskedImageModel
from mixmae.models.necks import (
    MixMAENeck,
    NormedPooling,
    SimMIMNeck,
    UMMAENeck,
)

__all__ = [
    'DualReconstructionHead',
    'EncoderInput',
    'MIMPVT',
    'MIMSwin',
    'MIMTwins',
    'MIMViT',
    'MaskedImageModel',
    'MaskedReconstructionHead',
    'MaskingDataPreprocessor',
    'MixMAENeck',
    'NormedPooling',
    'SimMIMNeck',
    'UMMAENeck',
]
