"""Heads: what is to be predicted, and how wrong a prediction is."""

from mixmae.models.heads.dual_reconstruction_head import (
    DualReconstructionHead,
)
from mixmae.models.heads.masked_reconstruction_head import (
    MaskedReconstructionHead,
)

__all__ = ['DualReconstructionHead', 'MaskedReconstructionHead']
