"""Backbone of MLPs on patches, which mixes tokens only when it merges."""

from collections.abc import Sequence

from torch import Tensor, nn

from mixmae.models.backbones.hierarchical_backbone import HierarchicalBackbone
from mixmae.models.layers.patches import PatchEmbed, PatchMerging
from mixmae.models.layers.transformer_block import (
    MLP,
    DropPath,
    drop_path_rates,
)
from mixmae.registry import MODELS
from mixmae.structures import AttentionGroups


class PatchwiseBlock(nn.Module):
    """MLP on each token, with a residual connection.

    It mixes no tokens, so it keeps the two groups of MixMAE apart.
    """

    def __init__(self, dims: int, drop_path: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dims)
        self.mlp = MLP(dims)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """(B, h, w, C) -> (B, h, w, C)."""
        return x + self.drop_path(self.mlp(self.norm(x)))


class PatchwiseStage(nn.Module):
    """Blocks; in all stages but the first, a merging of 2x2 tokens first."""

    def __init__(
        self, dims: int, drop_path: Sequence[float], merge: bool
    ) -> None:
        super().__init__()
        self.merge = PatchMerging(dims // 2) if merge else nn.Identity()
        self.blocks = nn.ModuleList(
            PatchwiseBlock(dims, rate) for rate in drop_path
        )

    def forward(
        self,
        x: Tensor,
        groups: AttentionGroups | None = None,
        coords: Tensor | None = None,
    ) -> Tensor:
        """(B, h, w, C) -> (B, h, w, C), or (B, h / 2, w / 2, 2C)."""
        x = self.merge(x)
        for block in self.blocks:
            x = block(x)
        return x


@MODELS.register_module()
class PatchwiseBackbone(HierarchicalBackbone):
    """Hierarchical MLP on patches.

    Args:
        embed_dims: Channels of the first stage; they double with each.
        depths: Blocks of each stage.
        patch_size: Side of a patch in pixels.
        in_channels: Channels of the images.
        drop_path_rate: Drop path rate of the last block; ``mixmae finetune``
            sets it.
        options: Arguments of ``HierarchicalBackbone``, such as
            ``out_indices`` and ``init_cfg``.
    """

    # For MixMAE: blocks mix no tokens, and a merging joins those of one cell.
    takes_groups = True
    # For UM-MAE: tokens carry no positions, so coords change nothing.
    takes_coords = True

    def __init__(
        self,
        embed_dims: int = 32,
        depths: Sequence[int] = (1, 1, 1, 1),
        patch_size: int = 4,
        in_channels: int = 3,
        drop_path_rate: float = 0.0,
        **options,
    ) -> None:
        dims = [embed_dims * 2**i for i in range(len(depths))]
        stride = patch_size * 2 ** (len(depths) - 1)
        super().__init__(dims, depths, stride, **options)
        self.in_channels = in_channels
        self.patch_embed = PatchEmbed(
            patch_size, embed_dims, 1e-6, in_channels
        )
        self.positions = None
        rates = drop_path_rates(drop_path_rate, depths)
        self.stages = nn.ModuleList(
            PatchwiseStage(width, rates[i], merge=i > 0)
            for i, width in enumerate(dims)
        )
        self.finish(norm_eps=1e-6)
