"""Data structures that the parts of a model exchange."""

from mixmae.structures.cell_mask import (
    AttentionGroups,
    CellMask,
    EncoderInput,
    GroupOrder,
)

__all__ = ['AttentionGroups', 'CellMask', 'EncoderInput', 'GroupOrder']
