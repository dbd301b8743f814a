"""Inputs of UM-MAE's golden figures."""

from __future__ import annotations

import torch

from mixmae.structures import CellMask
from tests.golden import formula


def golden_mask(batch: int) -> CellMask:
    """Return a mask of 256 pixels: one visible cell per 2x2, 3/4 are seen."""
    corners = 2 * formula.unit('corners', batch * 64) + 2
    corner = torch.from_numpy(corners).long().view(batch, 8, 8, 1)
    visible = torch.zeros(batch, 8, 8, 4, dtype=torch.bool)
    visible = visible.scatter_(3, corner, True).unflatten(3, (2, 2))
    visible = visible.transpose(2, 3).reshape(batch, 256)
    noise = (formula.unit('secondary', batch * 256) + 1) / 2
    noise = torch.from_numpy(noise).view(batch, 256)
    order = noise.masked_fill(~visible, 2).argsort(1)
    seen = torch.zeros_like(visible).scatter_(1, order[:, :48], True)
    shape = (batch, 16, 16)
    return CellMask(~visible.view(shape), 16, (visible & ~seen).view(shape))
