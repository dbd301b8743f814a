"""Heads: what is to be predicted, and how wrong a prediction is."""

from mixmae.models.heads.dual_reconstruction_head import (
    DualReconstructionHead,
)

__all__ = ['DualReconstructionHead']
