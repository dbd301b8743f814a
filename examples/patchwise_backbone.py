"""Backbone of MLPs on patches, which mixes tokens only when it merges."""

from collections.abc import Sequence

from torch import Tensor, nn

from mixmae.models.backbones.hierarchical_backbone import HierarchicalBackbone
from mixmae.models.layers.patches import PatchEmbed, PatchMerging
from mixmae.models.layers.transformer_block import MLP
from mixmae.registry import MODELS
from mixmae.structures import AttentionGroups


class PatchwiseBlock(nn.Module):
    """MLP on each token, with a residual connection.

    It mixes no tokens, so it keeps the two groups of MixMAE apart.
    """

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dims)
        self.mlp = MLP(dims)

    def forward(self, x: Tensor) -> Tensor:
        """(B, h, w, C) -> (B, h, w, C)."""
        return x + self.mlp(self.norm(x))


class PatchwiseStage(nn.Module):
    """Blocks; in all stages but the first, a merging of 2x2 tokens first."""

    def __init__(self, dims: int, depth: int, merge: bool) -> None:
        super().__init__()
        self.merge = PatchMerging(dims // 2) if merge else nn.Identity()
        self.blocks = nn.ModuleList(PatchwiseBlock(dims) for _ in range(depth))

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
        options: Arguments of ``HierarchicalBackbone``, such as
            ``out_indices`` and ``init_cfg``.
    """

    def __init__(
        self,
        embed_dims: int = 32,
        depths: Sequence[int] = (1, 1, 1, 1),
        patch_size: int = 4,
        in_channels: int = 3,
        **options,
    ) -> None:
        dims = [embed_dims * 2**i for i in range(len(depths))]
        stride = patch_size * 2 ** (len(depths) - 1)
        super().__init__(dims, depths, stride, **options)
        self.in_channels = in_channels
        self.patch_embed = PatchEmbed(
            patch_size, embed_dims, 1e-6, in_channels
        )
        # Tokens carry no positions: coords, which only positions need, are
        # accepted and change nothing.
        self.positions = None
        self.stages = nn.ModuleList(
            PatchwiseStage(width, depth, merge=i > 0)
            for i, (width, depth) in enumerate(zip(dims, depths, strict=True))
        )
        self.finish(norm_eps=1e-6)
