"""One stage of a Swin: its blocks, and the shifts of their windows.

Axes: B images, H and W the token grid, C channels.
"""

from __future__ import annotations

from torch import Tensor, nn

from mixmae.models.layers.attention import WindowAttention
from mixmae.models.layers.attention_layout import stage_layouts
from mixmae.models.layers.patches import ConvMerging, PatchMerging
from mixmae.models.layers.transformer_block import TransformerBlock
from mixmae.structures import AttentionGroups


class SwinStage(nn.Module):
    """Patch merging (but for the first stage) and window attention blocks.

    Args:
        embed_dims: channels inside the stage.
        depth: number of blocks.
        num_heads: heads, a divisor of ``embed_dims``.
        window: side of a window in tokens.
        downsample: merge 2x2 tokens of ``embed_dims / 2`` channels first.
        shift: every second block shifts its windows by half their side,
            where there is more than one. The MixMAE encoder does not.
        mlp_ratio: hidden channels of the MLPs over ``embed_dims``.
        drop_path: one probability per block.
        norm_eps: epsilon of the layer norms.
        block_norm_eps: of those inside the blocks; None = ``norm_eps``.
        mask_padding: see ``Windows``.
        sort_groups: where one window covers the grid, sort the tokens by
            group instead of masking scores. False is the plain path, for
            debugging: same figures, twice the attention work.
        with_cp: see ``TransformerBlock``.
        bias_resize: see ``RelativePositionBias``.
        bias_dims: see ``WindowAttention``.
        merging: 'linear' or 'conv', see ``PatchMerging`` and
            ``ConvMerging``.
        cell: side, in tokens of this stage, of the cells from which
            gathered tokens come; see ``TokenPairs``.
        scores: see ``WindowAttention``.
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
        block_norm_eps: float | None = None,
        mask_padding: bool = True,
        sort_groups: bool = True,
        with_cp: bool | str = False,
        bias_resize: str = 'bicubic',
        bias_dims: int | None = None,
        merging: str = 'linear',
        cell: float = 1.0,
        scores: str = 'auto',
    ) -> None:
        super().__init__()
        self.window = window
        self.cell = cell
        self.shifts = (0, window // 2) if shift else (0,)
        self.mask_padding = mask_padding
        self.sort_groups = sort_groups
        self.downsample: nn.Module = nn.Identity()
        if downsample:
            merge = PatchMerging if merging == 'linear' else ConvMerging
            self.downsample = merge(embed_dims // 2, norm_eps)
        self.blocks = nn.ModuleList(
            TransformerBlock(
                embed_dims,
                WindowAttention(
                    embed_dims,
                    num_heads,
                    window,
                    bias_resize,
                    bias_dims,
                    scores,
                ),
                mlp_ratio,
                drop_path[i] if drop_path else 0.0,
                norm_eps if block_norm_eps is None else block_norm_eps,
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
        """(B, H, W, C) -> (B, H, W, C), or half of H, W and twice C.

        Args:
            x: the tokens.
            groups: see ``AttentionGroups``.
            coords: (B, H', W', 2), after the merging, of gathered tokens.
        """
        x = self.downsample(x)
        layouts = stage_layouts(
            x,
            self.window,
            self.shifts,
            groups,
            sort_groups=self.sort_groups,
            mask_padding=self.mask_padding,
            coords=coords,
            cell=self.cell,
        )
        if len(layouts) == 1:
            # Partitioned and reversed once per stage.
            layout = layouts[0]
            tokens = layout.partition(x)
            for block in self.blocks:
                tokens = block(tokens, layout)
            return layout.reverse(tokens)
        for i, block in enumerate(self.blocks):
            layout = layouts[i % len(layouts)]
            x = layout.reverse(block(layout.partition(x), layout))
        return x
