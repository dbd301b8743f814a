"""One stage of a hierarchical transformer.

Axes: B images, H and W the token grid, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mixmae.models.layers.attention import WindowAttention
from mixmae.models.layers.patches import PatchMerging
from mixmae.models.layers.transformer_block import TransformerBlock
from mixmae.models.layers.windows import Layout, SortedTokens, Windows
from mixmae.structures import AttentionGroups


class SwinStage(nn.Module):
    """Patch merging (but for the first stage) and window attention blocks.

    Args:
        embed_dims: channels inside the stage.
        depth: number of blocks.
        num_heads: heads, a divisor of ``embed_dims``.
        window: side of a window in tokens.
        downsample: merge 2x2 tokens of ``embed_dims / 2`` channels first.
        shift: every second block shifts its windows by half their side. The
            MixMAE encoder does not.
        mlp_ratio: hidden channels of the MLPs over ``embed_dims``.
        drop_path: one probability per block.
        norm_eps: epsilon of the layer norms.
        mask_padding: see ``Windows``.
        sort_groups: where one window covers the grid, sort the tokens by
            group instead of masking scores. False is the plain path, for
            debugging: same figures, twice the attention work.
        with_cp: recompute each block in the backward pass, to save memory.
        bias_resize: see ``RelativePositionBias``.
    """

    def __init__(
        self,
        embed_dims: int,
        depth: int,
        num_heads: int,
        window: int,
        downsample: bool = True,
        shift: bool = False,
        mlp_ratio: float = 4.0,
        drop_path: tuple[float, ...] = (),
        norm_eps: float = 1e-5,
        mask_padding: bool = True,
        sort_groups: bool = True,
        with_cp: bool = False,
        bias_resize: str = 'bicubic',
    ) -> None:
        super().__init__()
        self.window = window
        self.shifts = (0, window // 2) if shift else (0,)
        self.mask_padding = mask_padding
        self.sort_groups = sort_groups
        self.with_cp = with_cp
        self.downsample = (
            PatchMerging(embed_dims // 2, norm_eps)
            if downsample
            else nn.Identity()
        )
        self.blocks = nn.ModuleList(
            TransformerBlock(
                embed_dims,
                WindowAttention(embed_dims, num_heads, window, bias_resize),
                mlp_ratio,
                drop_path[i] if drop_path else 0.0,
                norm_eps,
            )
            for i in range(depth)
        )

    def forward(
        self,
        x: Tensor,
        groups: AttentionGroups | None = None,
        coords: Tensor | None = None,
    ) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C), or half of H, W and twice C."""
        x = self.downsample(x)
        layouts = [self.layout(x, shift, groups) for shift in self.shifts]
        if len(layouts) == 1:
            # The layout is entered and left once per stage.
            layout = layouts[0]
            tokens = layout.partition(x)
            for block in self.blocks:
                tokens = self._run(block, tokens, layout)
            return layout.reverse(tokens)
        for i, block in enumerate(self.blocks):
            layout = layouts[i % len(layouts)]
            x = layout.reverse(self._run(block, layout.partition(x), layout))
        return x

    def layout(
        self, x: Tensor, shift: int, groups: AttentionGroups | None
    ) -> Layout:
        """How the tokens of a grid are laid out for attention."""
        grid = (x.size(1), x.size(2))
        if self.sort_groups and groups and max(grid) <= self.window:
            order = groups.order(*grid)
            if order is not None:
                return SortedTokens(grid, self.window, order)
        return Windows(
            grid, self.window, shift, groups, self.mask_padding, x.device
        )

    def _run(self, block: nn.Module, x: Tensor, layout: Layout) -> Tensor:
        if self.with_cp and torch.is_grad_enabled():
            return checkpoint(block, x, layout, use_reentrant=False)
        return block(x, layout)
