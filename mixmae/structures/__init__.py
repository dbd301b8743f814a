"""Data structures that the parts of a model exchange."""

from mixmae.structures.attention_groups import (
    AttentionGroups,
    EncoderInput,
    GroupOrder,
)
from mixmae.structures.cell_mask import CellMask

__all__ = ['AttentionGroups', 'CellMask', 'EncoderInput', 'GroupOrder']
