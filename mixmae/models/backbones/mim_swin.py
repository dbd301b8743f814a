"""Swin for masked image modelling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import nn

from mixmae.models.backbones.hierarchical_backbone import HierarchicalBackbone
from mixmae.models.layers.absolute_positions import build_positions, token_grid
from mixmae.models.layers.log_coordinate_bias import LogCoordinateBias
from mixmae.models.layers.patches import ConvMerging, PatchEmbed
from mixmae.models.layers.swin_stage import SwinStage
from mixmae.models.layers.transformer_block import (
    drop_path_rates,
    init_fan_out,
)
from mixmae.registry import MODELS


class SwinArch(NamedTuple):
    """Widths and depths of a hierarchical transformer.

    Attributes:
        embed_dims: channels of the first stage, doubled at each next one.
        depths: blocks per stage.
        num_heads: heads per stage.
    """

    embed_dims: int
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]


# T and S: Swin, 2103.14030 section 3.3. B, L, H: Sense-X/MixMIM
# models_mixmim.py:441-487, there with windows of 14, 14, 14 and 7 tokens.
SWIN_ARCHS = {
    'tiny': SwinArch(96, (2, 2, 6, 2), (3, 6, 12, 24)),
    'small': SwinArch(96, (2, 2, 18, 2), (3, 6, 12, 24)),
    'base': SwinArch(128, (2, 2, 18, 2), (4, 8, 16, 32)),
    'large': SwinArch(192, (2, 2, 18, 2), (6, 12, 24, 48)),
    'huge': SwinArch(352, (2, 2, 18, 2), (11, 22, 44, 88)),
}
_LETTERS = {'t': 'tiny', 's': 'small', 'b': 'base', 'l': 'large', 'h': 'huge'}
# The first version of the paper calls the same networks MixMIM-B, -L, -H.
_ALIASES = {
    **_LETTERS,
    **{f'swin-{letter}': name for letter, name in _LETTERS.items()},
    **{f'mixmim-{letter}': _LETTERS[letter] for letter in 'blh'},
}


def swin_arch(arch: str | Mapping) -> SwinArch:
    """The widths and depths that a config asks for.

    Args:
        arch: 'tiny', 'small', 'base', 'large' or 'huge', an alias such as
            'swin-b' or 'mixmim-b', or a dict of ``SwinArch``'s fields.

    Raises:
        ValueError: the name or the keys are unknown, or the fields disagree.
    """
    if isinstance(arch, str):
        name = _ALIASES.get(arch.lower(), arch.lower())
        if name not in SWIN_ARCHS:
            raise ValueError(
                f'unknown arch {arch!r}; choose from {sorted(SWIN_ARCHS)}, '
                f'{sorted(_ALIASES)}, or give a dict with embed_dims, depths '
                f'and num_heads'
            )
        return SWIN_ARCHS[name]
    if not isinstance(arch, Mapping) or set(arch) != set(SwinArch._fields):
        given = sorted(arch) if isinstance(arch, Mapping) else repr(arch)
        raise ValueError(
            f'an arch dict has the keys {sorted(SwinArch._fields)}, got '
            f'{given}'
        )
    found = SwinArch(
        arch['embed_dims'], tuple(arch['depths']), tuple(arch['num_heads'])
    )
    if len(found.depths) != len(found.num_heads) or not found.depths:
        raise ValueError(
            f'depths {found.depths} and num_heads {found.num_heads} must '
            f'have one entry per stage'
        )
    if min(found.depths) < 1 or found.embed_dims % 4 or found.embed_dims < 4:
        raise ValueError(
            f'depths must be at least 1 and embed_dims a multiple of 4, got '
            f'{found.depths} and {found.embed_dims}'
        )
    return found


POSITION_BIASES = ('table', 'log_coordinates')
MERGINGS = ('linear', 'conv')
_NO_COORDS = (
    'with a bias table knows offsets on its own grid only; give it '
    "position_bias='log_coordinates'"
)


@MODELS.register_module()
class MIMSwin(HierarchicalBackbone):
    """Swin, the encoder of all three methods; by default that of MixMAE.

    MixMAE's (2205.13137, section 3.2) has large windows, no shifts, and
    frozen sine-cosine positions at the first stage. The usual Swin, SimMIM's,
    has ``shift=True`` and ``absolute_positions=False``. UM-MAE's
    (models_mae_swin.py) has besides ``position_bias='log_coordinates'``,
    ``merging='conv'``, ``norm_eps=1e-6`` and ``block_norm_eps=1e-5``. See
    ``HierarchicalBackbone`` for how it is called.

    The arguments are grouped: structure, positions, attention, memory, and
    use in training and downstream. Pass all but the first by keyword.

    Args:
        arch: a name ('tiny', 'small', 'base', 'large', 'huge', or aliases
            such as 'swin-b' and 'mixmim-b') or a dict of embed_dims, depths
            and num_heads.
        img_size: side, or (height, width), in pixels of the images that the
            positions are made for.
        patch_size: side of a patch in pixels; the total stride is this times
            2 ** (stages - 1).
        in_channels: channels of the images.
        window_sizes: side of a window in tokens, one per stage; clamped to
            the grid, separately along each axis.
        mlp_ratio: hidden channels of the MLPs over channels.
        merging: 'linear' as in Swin, or 'conv' as in UM-MAE; see
            ``PatchMerging`` and ``ConvMerging``.
        norm_eps: epsilon of the layer norms.
        block_norm_eps: epsilon of those inside the blocks; None =
            ``norm_eps``.
        absolute_positions: add the sine-cosine positions. The plain Swin has
            none.
        position_resize: how positions are interpolated for a grid other than
            ``img_size``'s; see ``SinCosPositions``.
        position_bias: 'table', one learned bias per offset, or
            'log_coordinates', an MLP over offsets that also serves tokens
            gathered from a larger grid (UM-MAE); see ``LogCoordinateBias``.
        bias_dims: hidden channels of that MLP.
        bias_resize: how bias tables of other windows are resized when they
            are loaded, 'bicubic' (official) or 'geometric' (SimMIM); see
            ``resize_table``.
        shift: shift every second block's windows by half their side, as the
            plain Swin does. MixMAE pretrains without shifts. Tokens of
            different windows then first attend to each other where one
            window covers them: at 224 pixels in stage 3, whose windows of 14
            are global; at 1024 pixels, with windows of 16, each window of
            the last stage covers 512 pixels and no stage connects them.
            Shifts connect neighbouring windows in every stage and add no
            parameters. Their effect on a network pretrained without them
            has not been measured.
        mask_padding: mask the padding of a grid in attention; False treats
            it as tokens of the image, as mmdet's Swin does.
        sort_groups: False masks scores everywhere instead of sorting tokens
            by group, for debugging. The results agree up to rounding.
        with_cp: what the backward pass recomputes to save memory: False,
            'pointwise', 'mlp' or True (whole blocks); see
            ``TransformerBlock``.
        scores: whether attention's backward pass recomputes its score
            matrices; see ``WindowAttention``.
        drop_path_rate: rate of the last block; rises linearly from 0.
        out_indices, frozen_stages, norm_eval, init_cfg: see
            ``HierarchicalBackbone``.
        output_norms: see ``HierarchicalBackbone.finish``.

    Raises:
        ValueError: arguments out of range, or that disagree.
    """

    takes_groups = True
    takes_coords = True

    def __init__(
        self,
        arch: str | Mapping = 'base',
        img_size: int | Sequence[int] = 224,
        patch_size: int = 4,
        in_channels: int = 3,
        window_sizes: Sequence[int] = (14, 14, 14, 7),
        mlp_ratio: float = 4.0,
        merging: str = 'linear',
        norm_eps: float = 1e-5,
        block_norm_eps: float | None = None,
        # Positions.
        absolute_positions: bool = True,
        position_resize: str = 'bicubic',
        position_bias: str = 'table',
        bias_dims: int = 32,
        bias_resize: str = 'bicubic',
        # Attention.
        shift: bool = False,
        mask_padding: bool = True,
        sort_groups: bool = True,
        # Memory.
        with_cp: bool | str = 'pointwise',
        scores: str = 'auto',
        # Training and downstream.
        drop_path_rate: float = 0.0,
        out_indices: int | Sequence[int] | None = None,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        output_norms: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        embed_dims, depths, num_heads = swin_arch(arch)
        stages = len(depths)
        one = isinstance(window_sizes, int)
        if one or len(window_sizes) != stages or min(window_sizes) < 1:
            raise ValueError(
                f'window_sizes {window_sizes} must hold one side of at '
                f'least 1 token for each of the {stages} stages'
            )
        _check_choice('position_bias', position_bias, POSITION_BIASES)
        _check_choice('merging', merging, MERGINGS)
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
        self.in_channels = in_channels
        self.checked_hyperparameters = {
            'absolute_positions': absolute_positions,
            'norm_eps': norm_eps,
            'block_norm_eps': block_norm_eps,
            'shift': shift,
            'mask_padding': mask_padding,
        }
        if position_bias == 'table':
            self.mark_unsupported('takes_coords', _NO_COORDS)
        else:
            # Then no tensor's shape depends on the window size.
            self.checked_hyperparameters['window_sizes'] = tuple(window_sizes)

        self.positions = None
        if absolute_positions:
            # Nothing else depends on the image size.
            self.checked_hyperparameters['img_size'] = img_size
            self.checked_hyperparameters['position_resize'] = position_resize
            grid = token_grid(img_size, patch_size)
            self.positions = build_positions(
                'sincos', grid, embed_dims, position_resize
            )
        self.patch_embed = PatchEmbed(
            patch_size, embed_dims, norm_eps, in_channels
        )
        coordinates = position_bias == 'log_coordinates'
        rates = drop_path_rates(drop_path_rate, depths)
        self.stages = nn.ModuleList(
            SwinStage(
                self.num_features[i],
                depth,
                num_heads[i],
                window_sizes[i],
                downsample=i > 0,
                shift=shift,
                mlp_ratio=mlp_ratio,
                drop_path=rates[i],
                norm_eps=norm_eps,
                block_norm_eps=block_norm_eps,
                mask_padding=mask_padding,
                sort_groups=sort_groups,
                with_cp=with_cp,
                bias_resize=bias_resize,
                bias_dims=bias_dims if coordinates else None,
                merging=merging,
                # A cell is half as wide as a token of the last stage.
                cell=2.0 ** (stages - 2 - i),
                scores=scores,
            )
            for i, depth in enumerate(depths)
        )
        self.finish(norm_eps, output_norms)

    def _initialise(self) -> None:
        super()._initialise()
        for part in self.modules():
            if isinstance(part, ConvMerging):
                init_fan_out(part.proj)
            elif isinstance(part, LogCoordinateBias):
                # Convolutions in the official code.
                init_fan_out(part.fc1)
                init_fan_out(part.fc2)


def _check_choice(name: str, given: str, choices: Sequence[str]) -> None:
    if given not in choices:
        raise ValueError(
            f'{name} must be one of {list(choices)}, got {given!r}'
        )
