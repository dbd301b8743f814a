"""One stage of a pyramid transformer: PVT and Twins.

Axes: B images, H and W the token grid, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixmae.models.layers.attention import LocalAttention
from mixmae.models.layers.attention_layout import Layout, stage_layouts
from mixmae.models.layers.patches import PatchEmbed
from mixmae.models.layers.reduced_attention import KeyRegions, ReducedAttention
from mixmae.models.layers.transformer_block import TransformerBlock
from mixmae.structures import AttentionGroups


class PositionConv(nn.Conv2d):
    """A 3x3 depthwise convolution that is added to its input.

    The position encoding generator of CPVT (2102.10882) and Twins
    (2104.13840): zeros beyond the border encode the place of a token.

    Args:
        embed_dims: channels.
    """

    def __init__(self, embed_dims: int) -> None:
        super().__init__(embed_dims, embed_dims, 3, 1, 1, groups=embed_dims)

    def forward(
        self, x: Tensor, groups: AttentionGroups | None = None
    ) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C).

        Args:
            groups: tokens of the other group count as zeros, like what lies
                beyond the border: each group is convolved on its own, and
                each token takes the result of its group.
        """
        grid = x.permute(0, 3, 1, 2)
        if groups is None:
            out = super().forward(grid)
        else:
            label = groups.labels(*x.shape[1:3])[:, None]
            out = torch.where(
                label,
                super().forward(grid.masked_fill(~label, 0)),
                super().forward(grid.masked_fill(label, 0)),
            )
        return x + out.permute(0, 2, 3, 1)


class PyramidStage(nn.Module):
    """Patch merging (but for the first stage) and attention blocks.

    Args:
        embed_dims: channels inside the stage.
        depth: number of blocks.
        num_heads: heads, a divisor of ``embed_dims``.
        key_side: side in tokens of the regions that make one key each.
        merged_dims: channels of the 2x2 tokens that are merged first; None
            = nothing is merged.
        window: side of the windows in which the first, third, ... block
            attends without reduction (Twins-SVT); None = no such blocks.
        position_conv: a ``PositionConv`` after the first block (Twins).
        positions: adds positions to the merged tokens; None = none.
        reduction: see ``SpatialReduction``.
        patch_norm: a layer norm after the merging.
        mlp_ratio: hidden channels of the MLPs over ``embed_dims``.
        drop_path: one probability per block.
        norm_eps: epsilon of the layer norms of blocks.
        patch_norm_eps: of those of merging and reduction.
        mask_padding: see ``Windows``.
        sort_groups: sort the tokens by group where that is possible instead
            of masking scores. False is for debugging: same results up to
            rounding, twice the attention FLOPs.
        with_cp: see ``TransformerBlock``.
    """

    def __init__(
        self,
        embed_dims: int,
        depth: int,
        num_heads: int,
        key_side: int,
        merged_dims: int | None = None,
        window: int | None = None,
        position_conv: bool = False,
        positions: nn.Module | None = None,
        reduction: str = 'conv',
        patch_norm: bool = True,
        mlp_ratio: float = 4.0,
        drop_path: tuple[float, ...] = (),
        norm_eps: float = 1e-6,
        patch_norm_eps: float = 1e-5,
        mask_padding: bool = True,
        sort_groups: bool = True,
        with_cp: bool | str = False,
    ) -> None:
        super().__init__()
        self.key_side = key_side
        self.window = window
        self.mask_padding = mask_padding
        self.sort_groups = sort_groups
        self.downsample = (
            None
            if merged_dims is None
            else PatchEmbed(
                2,
                embed_dims,
                patch_norm_eps if patch_norm else None,
                merged_dims,
            )
        )
        self.positions = positions
        self.position_conv = (
            PositionConv(embed_dims) if position_conv else None
        )
        self.blocks = nn.ModuleList(
            TransformerBlock(
                embed_dims,
                ReducedAttention(
                    embed_dims, num_heads, key_side, reduction, patch_norm_eps
                )
                if window is None or i % 2
                else LocalAttention(embed_dims, num_heads),
                mlp_ratio,
                drop_path[i] if drop_path else 0.0,
                norm_eps,
                with_cp,
            )
            for i in range(depth)
        )

    def forward(
        self,
        x: Tensor,
        groups: AttentionGroups | None = None,
        coords: Tensor | None = None,
    ) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C), or half of H, W and other C.

        Args:
            groups: tokens attend within their group only.
            coords: ignored; positions are added before the first stage.
        """
        if self.downsample is not None:
            x = self.downsample(x.permute(0, 3, 1, 2))
        if self.positions is not None:
            x = self.positions(x)
        layouts = self.layouts(x, groups)
        for kind, blocks in self._runs():
            layout = layouts[kind]
            tokens = layout.partition(x)
            for block in self.blocks[blocks]:
                tokens = block(tokens, layout)
            x = layout.reverse(tokens)
            if self.position_conv is not None and not blocks.start:
                x = self.position_conv(x, groups)
        return x

    def layouts(
        self, x: Tensor, groups: AttentionGroups | None
    ) -> list[Layout | KeyRegions]:
        """Layouts of a grid for attention, by kind of block."""
        regions = KeyRegions(
            (x.size(1), x.size(2)),
            self.key_side,
            groups,
            self.sort_groups,
            x.device,
        )
        if self.window is None:
            return [regions]
        windows = stage_layouts(
            x,
            self.window,
            groups=groups,
            sort_groups=self.sort_groups,
            mask_padding=self.mask_padding,
        )
        return [*windows, regions]

    def _runs(self) -> list[tuple[int, slice]]:
        """Runs of blocks that share a layout: its index, and the blocks."""
        depth = len(self.blocks)
        if self.window is not None:
            return [(i % 2, slice(i, i + 1)) for i in range(depth)]
        if self.position_conv is None or depth == 1:
            return [(0, slice(0, depth))]
        return [(0, slice(0, 1)), (0, slice(1, depth))]
