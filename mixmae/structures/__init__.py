"""What travels between the parts of a model beside plain tensors."""

from mixmae.structures.attention_groups import AttentionGroups, GroupOrder
from mixmae.structures.cell_mask import CellMask

__all__ = ['AttentionGroups', 'CellMask', 'GroupOrder']
