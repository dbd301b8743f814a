"""Swin, as masked image modelling wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from torch import nn

from mixmae.models.backbones.arch_settings import swin_arch
from mixmae.models.backbones.hierarchical_backbone import HierarchicalBackbone
from mixmae.models.layers.absolute_positions import SinCosPositions
from mixmae.models.layers.patches import PatchEmbed
from mixmae.models.layers.stage import SwinStage
from mixmae.registry import MODELS


@MODELS.register_module()
class MIMSwin(HierarchicalBackbone):
    """The hierarchical encoder of MixMAE (2205.13137, section 3.2).

    A Swin with large windows, without shifts, and with frozen sine-cosine
    positions at the first stage. ``HierarchicalBackbone`` says how it is
    called.

    Args:
        arch: a name ('tiny', 'small', 'base', 'large', 'huge', or aliases
            such as 'swin-b' and 'mixmim-b') or a dict of embed_dims, depths
            and num_heads.
        img_size: side, or (height, width), in pixels of the images that the
            positions are made for.
        patch_size: side of a patch in pixels; the total stride is this times
            2 ** (stages - 1).
        window_sizes: side of a window in tokens, one per stage; clamped to
            the grid, each axis for itself.
        mlp_ratio: hidden channels of the MLPs over channels.
        drop_path_rate: of the last block; rises linearly from 0.
        out_indices, frozen_stages, norm_eval, init_cfg: see
            ``HierarchicalBackbone``.
        shift: shift every second block's windows by half their side, as the
            plain Swin does. MixMAE does not, and a pretrained network has
            never seen it. Without shifts, tokens of different windows first
            meet where a window covers them both: at 224 pixels and windows
            of 14 in stage 3, which is global; at 1024 pixels and windows of
            16 each window of the last stage sees 512 pixels and nothing lies
            beyond. Shifts let neighbouring windows meet in every stage, at
            no cost in parameters; whether that helps a pretrained network is
            a matter of trying.
        mask_padding: keep padding of a grid out of attention; False treats
            it as tokens of the image, as mmdet's Swin does.
        absolute_positions: add the sine-cosine positions. The plain Swin has
            none.
        position_resize: how positions meet a grid other than ``img_size``'s;
            see ``SinCosPositions``.
        bias_resize: how bias tables of other windows are resized when they
            are loaded, 'bicubic' (official) or 'geometric' (SimMIM); see
            ``resize_table``.
        sort_groups: False chooses the plain, masked path everywhere, for
            debugging. Same figures to rounding.
        with_cp: recompute blocks in the backward pass, to save memory.
        norm_eps: epsilon of the layer norms.

    Raises:
        ValueError: arguments out of range, or that disagree.
    """

    takes_coords = False
    refusals = MappingProxyType(
        {
            'takes_coords': (
                'with a bias table knows offsets on its own grid only'
            )
        }
    )

    def __init__(
        self,
        arch: str | Mapping = 'base',
        img_size: int | Sequence[int] = 224,
        patch_size: int = 4,
        window_sizes: Sequence[int] = (14, 14, 14, 7),
        mlp_ratio: float = 4.0,
        drop_path_rate: float = 0.0,
        out_indices: Sequence[int] | None = None,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        shift: bool = False,
        mask_padding: bool = True,
        absolute_positions: bool = True,
        position_resize: str = 'bicubic',
        bias_resize: str = 'bicubic',
        sort_groups: bool = True,
        with_cp: bool = False,
        norm_eps: float = 1e-5,
        init_cfg: dict | None = None,
    ) -> None:
        embed_dims, depths, num_heads = swin_arch(arch)
        stages = len(depths)
        _check(window_sizes, patch_size, stages)
        super().__init__(
            [embed_dims << i for i in range(stages)],
            depths,
            patch_size << (stages - 1),
            out_indices,
            frozen_stages,
            norm_eval,
            init_cfg,
        )
        self.embed_dims = embed_dims
        self.patch_size = patch_size
        self.untraced = {
            'img_size': img_size,
            'absolute_positions': absolute_positions,
            'norm_eps': norm_eps,
            'position_resize': position_resize,
            'shift': shift,
            'mask_padding': mask_padding,
        }

        size = (img_size,) * 2 if isinstance(img_size, int) else img_size
        rows, columns = (-(-side // patch_size) for side in size)
        self.positions = (
            SinCosPositions(rows, columns, embed_dims, position_resize)
            if absolute_positions
            else None
        )
        self.patch_embed = PatchEmbed(patch_size, embed_dims, norm_eps)
        rates = np.linspace(0, drop_path_rate, sum(depths)).tolist()
        self.stages = nn.ModuleList()
        for i, depth in enumerate(depths):
            first = sum(depths[:i])
            self.stages.append(
                SwinStage(
                    self.num_features[i],
                    depth,
                    num_heads[i],
                    window_sizes[i],
                    downsample=i > 0,
                    shift=shift,
                    mlp_ratio=mlp_ratio,
                    drop_path=tuple(rates[first : first + depth]),
                    norm_eps=norm_eps,
                    mask_padding=mask_padding,
                    sort_groups=sort_groups,
                    with_cp=with_cp,
                    bias_resize=bias_resize,
                )
            )
        self.finish(norm_eps)


def _check(window_sizes: Sequence[int], patch_size: int, stages: int) -> None:
    if len(window_sizes) != stages or min(window_sizes) < 1:
        raise ValueError(
            f'window_sizes {tuple(window_sizes)} must hold one side of at '
            f'least 1 token for each of the {stages} stages'
        )
    if patch_size < 1:
        raise ValueError(f'patch_size must be positive, got {patch_size}')
