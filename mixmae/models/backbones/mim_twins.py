"""Twins for masked image modelling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mixmae.models.backbones.mim_pvt import PVT_ARCHS
from mixmae.models.backbones.pyramid_backbone import (
    PyramidArch,
    PyramidBackbone,
    checked_arch,
    named_arch,
)
from mixmae.models.layers.patches import PatchEmbed
from mixmae.registry import MODELS


def _svt(embed_dims: int, depths: tuple[int, ...]) -> PyramidArch:
    dims = tuple(embed_dims << i for i in range(4))
    return PyramidArch(
        dims, depths, tuple(dim // 32 for dim in dims), (4, 4, 4, 4)
    )


# 2104.13840, tables 1 and 2.
TWINS_ARCHS = {
    'pcpvt-small': PVT_ARCHS['small'],
    'pcpvt-base': PVT_ARCHS['medium'],
    'pcpvt-large': PVT_ARCHS['large'],
    'svt-small': _svt(64, (2, 2, 10, 4)),
    'svt-base': _svt(96, (2, 2, 18, 2)),
    'svt-large': _svt(128, (2, 2, 18, 2)),
}


@MODELS.register_module()
class MIMTwins(PyramidBackbone):
    """Twins-SVT and Twins-PCPVT (2104.13840).

    SVT alternates attention in windows and to keys of 32 x 32 pixels;
    PCPVT is PVT's attention throughout. Positions come from a
    depthwise convolution after each stage's first block, which keeps groups
    of tokens apart (see ``PositionConv``), so tokens of MixMAE's two images
    never attend to each other; without groups it is the plain network. See
    ``HierarchicalBackbone`` for how it is called. Grids are padded as in
    ``MIMPVT``, so images may have any size.

    Args:
        arch: 'svt-small', 'svt-base', 'svt-large', 'pcpvt-small',
            'pcpvt-base', 'pcpvt-large', an alias such as 'svt-s', or a dict
            of embed_dims, depths, num_heads and mlp_ratios, one entry per
            stage.
        patch_size: side of a patch in pixels; the total stride is this times
            2 ** (stages - 1).
        in_channels: channels of the images.
        sr_ratios: side in tokens of the regions that make one key, one per
            stage.
        window_size: side in tokens of the windows in which each stage's
            first, third, ... block attends; None, and any PCPVT arch, has
            no such blocks.
        drop_path_rate: rate of the last block; rises linearly from 0.
        out_indices, frozen_stages, norm_eval, init_cfg: see
            ``HierarchicalBackbone``.
        mask_padding: mask the padding of a grid in attention within windows;
            False treats it as tokens of the image, as timm does.
        sort_groups: False masks scores everywhere instead of sorting tokens
            by group, for debugging. The results agree up to rounding.
        with_cp: what the backward pass recomputes to save memory: False,
            'pointwise', 'mlp' or True (whole blocks); see
            ``TransformerBlock``.
        norm_eps: epsilon of the layer norms of blocks and outputs.
        patch_norm_eps: of those of patch embeddings and reductions.

    Raises:
        ValueError: arguments out of range, or that disagree.
    """

    def __init__(
        self,
        arch: str | Mapping = 'svt-small',
        patch_size: int = 4,
        in_channels: int = 3,
        sr_ratios: Sequence[int] = (8, 4, 2, 1),
        window_size: int | None = 7,
        drop_path_rate: float = 0.0,
        out_indices: int | Sequence[int] | None = None,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        mask_padding: bool = True,
        sort_groups: bool = True,
        with_cp: bool | str = 'pointwise',
        norm_eps: float = 1e-6,
        patch_norm_eps: float = 1e-5,
        init_cfg: dict | None = None,
    ) -> None:
        if window_size is not None and window_size < 1:
            raise ValueError(
                f'window_size must be at least 1 token, or None for attention '
                f'without windows, got {window_size}'
            )
        if isinstance(arch, str):
            found = named_arch(arch, TWINS_ARCHS, 'twins')
            windows = 'pcpvt' not in arch.lower()
        else:
            found, windows = checked_arch(arch), True
        super().__init__(
            found,
            patch_size,
            out_indices=out_indices,
            frozen_stages=frozen_stages,
            norm_eval=norm_eval,
            init_cfg=init_cfg,
        )
        self.mark_unsupported(
            'takes_coords',
            'computes positions from neighbouring tokens, which are separated '
            'when tokens are gathered',
        )
        dims = found.embed_dims
        self.in_channels = in_channels
        self.checked_hyperparameters = {
            'norm_eps': norm_eps,
            'patch_norm_eps': patch_norm_eps,
            'window_size': window_size,
            'mask_padding': mask_padding,
        }
        self.positions = None
        self.patch_embed = PatchEmbed(
            patch_size, dims[0], patch_norm_eps, in_channels
        )
        self.build_stages(
            sr_ratios,
            drop_path_rate,
            [None] * len(dims),
            window=window_size if windows else None,
            position_conv=True,
            mask_padding=mask_padding,
            norm_eps=norm_eps,
            patch_norm_eps=patch_norm_eps,
            sort_groups=sort_groups,
            with_cp=with_cp,
        )
        self.finish(norm_eps)
