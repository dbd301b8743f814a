"""Pooling between a backbone and a classifier: mean, then layer norm."""

from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor, nn

from mixmae.registry import MODELS


@MODELS.register_module()
class NormedPooling(BaseModule):
    """Global average pooling, then a layer norm (``fc_norm`` of MAE).

    Classifiers of MAE and UM-MAE norm the pooled vector and not the tokens:
    give the backbone ``output_norms=False``. For a neck of mmpretrain's
    ``ImageClassifier``.

    Args:
        in_channels: channels of the last map.
        norm_eps: epsilon of the layer norm.
    """

    def __init__(
        self,
        in_channels: int,
        norm_eps: float = 1e-6,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.norm = nn.LayerNorm(in_channels, eps=norm_eps)

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor]:
        """(B, C, H, W) maps, of which the last counts -> ((B, C),)."""
        return (self.norm(maps[-1].mean((2, 3))),)
