"""Code that PVT and Twins share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from mixmae.models.backbones.hierarchical_backbone import HierarchicalBackbone
from mixmae.models.backbones.pyramid_archs import PyramidArch
from mixmae.models.backbones.pyramid_stages import (
    init_convolutions,
    keys_cross_cells,
    pyramid_stages,
)


class PyramidBackbone(HierarchicalBackbone):
    """Hierarchical backbone whose keys are reduced to cells of tokens.

    Args:
        arch: widths and depths.
        patch_size: side of a patch in pixels; the total stride is this times
            2 ** (stages - 1).
        options: out_indices, frozen_stages, norm_eval and init_cfg; see
            ``HierarchicalBackbone``.
    """

    def __init__(
        self, arch: PyramidArch, patch_size: int, **options: Any
    ) -> None:
        dims = arch.embed_dims
        stride = patch_size << (len(dims) - 1)
        super().__init__(dims, arch.depths, stride, **options)
        self.arch = arch
        self.embed_dims = dims[0]
        self.patch_size = patch_size

    def build_stages(
        self,
        sr_ratios: Sequence[int],
        drop_path_rate: float,
        positions: Sequence[nn.Module | None],
        **settings: Any,
    ) -> None:
        """Adds the stages; see ``pyramid_stages`` for the arguments."""
        self.stages = pyramid_stages(
            self.arch, sr_ratios, drop_path_rate, positions, **settings
        )
        crossing = keys_cross_cells(sr_ratios)
        if crossing:
            self.mark_unsupported('takes_groups', crossing)

    def init_weights(self) -> None:
        """See ``HierarchicalBackbone``; convolutions are normal."""
        init_convolutions(self)
        super().init_weights()
