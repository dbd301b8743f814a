"""Stochastic depth."""

import torch
from torch import Tensor, nn


class DropPath(nn.Module):
    """Drops a residual branch for whole images (arXiv 1603.09382).

    Args:
        rate: probability of dropping, in [0, 1); what is kept is scaled by
            ``1 / (1 - rate)``. Nothing happens in eval mode.
    """

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f'drop path rate must be in [0, 1), got {rate}')
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.rate or not self.training:
            return x
        keep = torch.rand(x.size(0), device=x.device) >= self.rate
        scale = keep.to(x.dtype) / (1 - self.rate)
        return x * scale.view(-1, *[1] * (x.dim() - 1))

    def extra_repr(self) -> str:
        return f'rate={self.rate}'
