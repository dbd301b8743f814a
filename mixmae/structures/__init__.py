"""Data structures that the parts of a model exchange."""

from mixmae.structures.cell_mask import CellMask
from mixmae.structures.encoder_input import (
    AttentionGroups,
    EncoderInput,
    GroupOrder,
)

__all__ = ['AttentionGroups', 'CellMask', 'EncoderInput', 'GroupOrder']
