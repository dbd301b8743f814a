"""Named networks, and their settings for a method and an image size.

A new size of Swin is a row of ``SWIN_ARCHS``; its name follows from it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from mmengine.registry import DefaultScope

from mixmae.models.backbones.mim_pvt import PVT_ARCHS
from mixmae.models.backbones.mim_swin import SWIN_ARCHS
from mixmae.models.backbones.mim_twins import TWINS_ARCHS
from mixmae.registry import MODELS

# Small enough for a CPU core; the mini networks of configs/ have it.
MINI = {'embed_dims': 32, 'depths': (1, 1, 4, 1), 'num_heads': (2, 4, 8, 16)}
# Names of mmpretrain; widths are those of its table.
VIT = {
    'tiny': ('deit-tiny', 192),
    'small': ('deit-small', 384),
    'base': ('base', 768),
    'large': ('large', 1024),
    'huge': ('huge', 1280),
}
# Cells of masking along a side of an image, at least.
LEAST_CELLS = 4
WINDOWS = range(16, 4, -1)


class Network(NamedTuple):
    """A named backbone.

    Attributes:
        name: Name such as 'swin-tiny'.
        family: 'swin', 'pvt', 'twins' or 'vit'.
        arch: Argument of the backbone.
        widths: Channels of the first and of the last stage.
        stages: Number of stages of a hierarchical network.
    """

    name: str
    family: str
    arch: Any
    widths: tuple[int, int]
    stages: int = 4

    @property
    def is_small(self) -> bool:
        """Whether it is narrower than the networks of the papers."""
        return self.widths[0] < 64


def _networks() -> dict[str, Network]:
    found = {'swin-mini': Network('swin-mini', 'swin', MINI, (32, 256))}
    for name, swin in SWIN_ARCHS.items():
        widths = (swin.embed_dims, swin.embed_dims << 3)
        found[f'swin-{name}'] = Network(f'swin-{name}', 'swin', name, widths)
    for family, archs in (('pvt', PVT_ARCHS), ('twins', TWINS_ARCHS)):
        for name, pyramid in archs.items():
            dims = pyramid.embed_dims
            full = f'{family}-{name}'
            found[full] = Network(full, family, name, (dims[0], dims[-1]))
    for name, (arch, width) in VIT.items():
        full = f'vit-{name}'
        found[full] = Network(full, 'vit', arch, (width, width))
    return found


NETWORKS: Mapping[str, Network] = MappingProxyType(_networks())
# Network of a pretraining that names neither one nor weights to start from.
DEFAULT_MODEL = 'swin-tiny'


def named_network(name: str) -> Network:
    """Return the network of a name.

    Raises:
        ValueError: No network has this name.
    """
    # As 'swin-t' and 'pvt-s' in names of configs; 'swin-m' would be unclear.
    short = {
        full[: full.rindex('-') + 2]: full
        for full in NETWORKS
        if full != 'swin-mini'
    }
    full = short.get(name.lower(), name.lower())
    if full not in NETWORKS:
        close = difflib.get_close_matches(full, NETWORKS, 1)
        hint = f'did you mean {close[0]}? ' if close else ''
        raise ValueError(
            f'model={name!r} is not a network: {hint}choose from '
            f'{", ".join(NETWORKS)}, or name a config file'
        )
    return NETWORKS[full]


def built_without_weights(config: Mapping[str, Any]) -> Any:
    """Build a model, or a part of one, on the meta device."""
    with (
        DefaultScope.overwrite_default_scope('mixmae'),
        torch.device('meta'),
    ):
        return MODELS.build(dict(config))


def patch_size(network: Network, image_size: int) -> int:
    """Return the side of a patch in pixels: smaller for small images."""
    largest = 16 if network.family == 'vit' else 4
    sides = [size for size in (16, 8, 4, 2, 1) if size <= largest]
    for size in sides:
        # A ViT's cells are two patches wide at most.
        cell = max(stride(network, size), 2 * size)
        if image_size >= LEAST_CELLS * cell:
            return size
    return sides[-1]


def stride(network: Network, patch: int) -> int:
    """Return pixels per token of the last stage."""
    if network.family == 'vit':
        return patch
    return patch << (network.stages - 1)


def window(side: int) -> int:
    """Return the side of windows for a grid: the largest that divides it."""
    return next((size for size in WINDOWS if side % size == 0), min(side, 14))
