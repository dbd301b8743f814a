"""Base class of PVT and Twins, and their archs as names or dicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import nn

from mixmae.models.backbones.hierarchical_backbone import HierarchicalBackbone
from mixmae.models.layers.pyramid_stage import PyramidStage
from mixmae.models.layers.transformer_block import (
    drop_path_rates,
    init_fan_out,
)


class PyramidArch(NamedTuple):
    """Widths and depths of a pyramid transformer, one entry per stage.

    Attributes:
        embed_dims: channels.
        depths: blocks.
        num_heads: heads.
        mlp_ratios: hidden channels of the MLPs over channels.
    """

    embed_dims: tuple[int, ...]
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    mlp_ratios: tuple[int, ...]


def named_arch(
    arch: str, archs: Mapping[str, PyramidArch], family: str
) -> PyramidArch:
    """One of a family's networks.

    Args:
        arch: its name, or the first letter of the name's last word; the
            family's name may precede it: 'small', 's', 'pvt-small'.
        archs: the family's networks.
        family: 'pvt' or 'twins'.

    Raises:
        ValueError: the family has none of this name.
    """
    name = arch.lower().removeprefix(f'{family}-')
    for full, found in archs.items():
        head, _, last = full.rpartition('-')
        if name in (full, f'{head}-{last[0]}'.lstrip('-')):
            return found
    raise ValueError(
        f'unknown arch {arch!r} of {family}; choose from {sorted(archs)} or '
        f'give a dict with {", ".join(PyramidArch._fields)}'
    )


def checked_arch(arch: Mapping) -> PyramidArch:
    """The network of a dict with ``PyramidArch``'s fields.

    Raises:
        ValueError: other keys, fields that disagree or are out of range.
    """
    if set(arch) != set(PyramidArch._fields):
        raise ValueError(
            f'an arch dict has the keys {sorted(PyramidArch._fields)}, got '
            f'{sorted(arch)}'
        )
    found = PyramidArch(**{key: tuple(arch[key]) for key in arch})
    if len({len(field) for field in found}) > 1 or not found.depths:
        raise ValueError(
            f'each field of an arch must have one entry per stage, got '
            f'{found._asdict()}'
        )
    if any(min(field) < 1 for field in found):
        raise ValueError(
            f'the fields of an arch must be at least 1, got {found._asdict()}'
        )
    return found


def keys_cross_cells(sr_ratios: Sequence[int]) -> str:
    """The reason why keys would mix two images, or '' if they do not.

    A cell is one token of the last stage, 2 ** n tokens wide n stages
    before it; a key must not reach beyond.
    """
    widths = [1 << i for i in reversed(range(len(sr_ratios)))]
    if not any(
        width % side for width, side in zip(widths, sr_ratios, strict=True)
    ):
        return ''
    return (
        f'with sr_ratios {tuple(sr_ratios)} reduces tokens of several cells '
        f'to one key; its ratios must divide {tuple(widths)}'
    )


class PyramidBackbone(HierarchicalBackbone):
    """Hierarchical backbone whose keys are regions of tokens.

    Args:
        arch: widths and depths.
        patch_size: side of a patch in pixels; the total stride is this times
            2 ** (stages - 1).
        options: out_indices, frozen_stages, norm_eval and init_cfg; see
            ``HierarchicalBackbone``.
    """

    takes_groups = True
    takes_coords = True

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
        """Adds the stages.

        Args:
            sr_ratios: side in tokens of a key region, one per stage.
            drop_path_rate: rate of the last block; rises linearly from 0.
            positions: modules that add positions within each stage, or None.
            settings: further arguments of ``PyramidStage``, for all stages.

        Raises:
            ValueError: the ratios are not one positive number per stage.
        """
        arch = self.arch
        if len(sr_ratios) != len(arch.depths) or min(sr_ratios) < 1:
            raise ValueError(
                f'sr_ratios {tuple(sr_ratios)} must hold one side of at least '
                f'1 token for each of the {len(arch.depths)} stages'
            )
        rates = drop_path_rates(drop_path_rate, arch.depths)
        self.stages = nn.ModuleList(
            PyramidStage(
                arch.embed_dims[i],
                depth,
                arch.num_heads[i],
                sr_ratios[i],
                merged_dims=arch.embed_dims[i - 1] if i else None,
                positions=positions[i],
                mlp_ratio=arch.mlp_ratios[i],
                drop_path=rates[i],
                **settings,
            )
            for i, depth in enumerate(arch.depths)
        )
        crossing = keys_cross_cells(sr_ratios)
        if crossing:
            self.mark_unsupported('takes_groups', crossing)

    def _initialise(self) -> None:
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                init_fan_out(part)
        super()._initialise()
