"""PVT for masked image modelling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mixmae.models.backbones.pyramid_backbone import (
    PyramidArch,
    PyramidBackbone,
    checked_arch,
    named_arch,
)
from mixmae.models.layers.absolute_positions import (
    LearnedPositions,
    build_positions,
    token_grid,
)
from mixmae.models.layers.patches import PatchEmbed
from mixmae.registry import MODELS


def _pvt(*depths: int) -> PyramidArch:
    return PyramidArch((64, 128, 320, 512), depths, (1, 2, 5, 8), (8, 8, 4, 4))


# 2102.12122, table 1.
PVT_ARCHS = {
    'tiny': _pvt(2, 2, 2, 2),
    'small': _pvt(3, 4, 6, 3),
    'medium': _pvt(3, 4, 18, 3),
    'large': _pvt(3, 8, 27, 3),
}


@MODELS.register_module()
class MIMPVT(PyramidBackbone):
    """The Pyramid Vision Transformer, version 1 (2102.12122).

    Queries of each stage attend to keys of 32 x 32 pixels, so
    tokens of MixMAE's two images never attend to each other. There is no
    class token: classifiers pool the last map. See ``HierarchicalBackbone``
    for how it is called. Two variants, by options:

    - PVT as published: the defaults with ``positions='per_stage'``. With
      the default, frozen sines and cosines at the first stage take the place
      of learned positions, as in MixMAE's encoder.
    - UM-MAE's (2205.10063; models_mae_pvt.py): ``reduction='pool'``,
      ``patch_norm=False``, ``block_norm_eps=1e-5``; ``sr_ratios=(4, 2, 1,
      1)`` on the compacted grid of pretraining, (8, 4, 2, 1) and, if wanted,
      ``positions='learned'`` downstream, with the same weights.

    Any image size is taken: grids are padded with zeros at the bottom and
    right until they are whole numbers of patches, of 2x2 tokens to be merged
    and of key regions; padding makes no key of its own.

    Args:
        arch: 'tiny', 'small', 'medium', 'large', an alias such as 'pvt-s',
            or a dict of embed_dims, depths, num_heads and mlp_ratios, one
            entry per stage.
        img_size: side, or (height, width), in pixels of the images that the
            positions are made for.
        patch_size: side of a patch in pixels; the total stride is this times
            2 ** (stages - 1).
        in_channels: channels of the images.
        sr_ratios: side in tokens of the regions that make one key, one per
            stage.
        reduction: 'conv' or 'pool'; see ``SpatialReduction``.
        patch_norm: a layer norm after each patch embedding.
        positions: 'sincos' (frozen), 'learned' (the same to start with, and
            a checkpoint may lack them), both at the first stage, or
            'per_stage' (learned, in each stage).
        position_resize: how frozen positions are interpolated for a grid
            other than ``img_size``'s; see ``SinCosPositions``. Learned ones
            are always interpolated, 'bicubic'.
        drop_path_rate: rate of the last block; rises linearly from 0.
        out_indices, frozen_stages, norm_eval, init_cfg: see
            ``HierarchicalBackbone``.
        sort_groups: False masks scores everywhere instead of sorting tokens
            by group, for debugging. The results agree up to rounding.
        with_cp: what the backward pass recomputes to save memory: False,
            'pointwise', 'mlp' or True (whole blocks); see
            ``TransformerBlock``.
        norm_eps: epsilon of the layer norms.
        block_norm_eps: of the two of each block; None = ``norm_eps``.
        patch_norm_eps: of those of patch embeddings and reductions.
        output_norms: see ``HierarchicalBackbone.finish``.

    Raises:
        ValueError: arguments out of range, or that disagree.
    """

    def __init__(
        self,
        arch: str | Mapping = 'small',
        img_size: int | Sequence[int] = 224,
        patch_size: int = 4,
        in_channels: int = 3,
        sr_ratios: Sequence[int] = (8, 4, 2, 1),
        reduction: str = 'conv',
        patch_norm: bool = True,
        positions: str = 'sincos',
        position_resize: str = 'bicubic',
        drop_path_rate: float = 0.0,
        out_indices: int | Sequence[int] | None = None,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        sort_groups: bool = True,
        with_cp: bool | str = 'pointwise',
        norm_eps: float = 1e-6,
        block_norm_eps: float | None = None,
        patch_norm_eps: float = 1e-5,
        output_norms: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        if isinstance(arch, str):
            _refuse_second_version(arch)
            found = named_arch(arch, PVT_ARCHS, 'pvt')
        else:
            found = checked_arch(arch)
        super().__init__(
            found,
            patch_size,
            out_indices=out_indices,
            frozen_stages=frozen_stages,
            norm_eval=norm_eval,
            init_cfg=init_cfg,
        )
        dims = found.embed_dims
        self.in_channels = in_channels
        self.checked_hyperparameters = {
            'img_size': img_size,
            'norm_eps': norm_eps,
            'block_norm_eps': block_norm_eps,
            'patch_norm_eps': patch_norm_eps,
            'positions': positions,
            'position_resize': position_resize,
            'sr_ratios': tuple(sr_ratios),
        }
        if positions != 'sincos':
            self.mark_unsupported(
                'takes_coords',
                f'with {positions} positions knows its own grid only',
            )

        grid = rows, columns = token_grid(img_size, patch_size)
        self.positions = build_positions(
            positions, grid, dims[0], position_resize
        )
        if positions == 'learned':
            self.optional_keys = frozenset({'positions.table'})
        self.patch_embed = PatchEmbed(
            patch_size,
            dims[0],
            patch_norm_eps if patch_norm else None,
            in_channels,
        )
        own = positions == 'per_stage'
        self.build_stages(
            sr_ratios,
            drop_path_rate,
            [
                LearnedPositions(-(-rows >> i), -(-columns >> i), dims[i])
                if own and i
                else None
                for i in range(len(dims))
            ],
            reduction=reduction,
            patch_norm=patch_norm,
            norm_eps=norm_eps if block_norm_eps is None else block_norm_eps,
            patch_norm_eps=patch_norm_eps,
            sort_groups=sort_groups,
            with_cp=with_cp,
        )
        self.finish(norm_eps, output_norms)


def _refuse_second_version(arch: str) -> None:
    name = arch.lower().removeprefix('pvt-').removeprefix('pvt')
    if name.startswith(('v2', '_v2')):
        raise ValueError(
            f'arch {arch!r}: PVTv2 embeds overlapping patches, before a '
            f'method can hide any, and convolves in every MLP, both across '
            f"cells, so that hidden pixels would be seen; use PVT's first "
            f'version ({", ".join(PVT_ARCHS)}) or MIMTwins'
        )
