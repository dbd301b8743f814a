"""The pretraining methods: their parts for a network, and their schedules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from mixmae.recipes.config_template import Code
from mixmae.recipes.networks import Network, stride, window

SMALL_DECODER = dict(embed_dims=128, depth=2, num_heads=4)


class ModelParts(NamedTuple):
    """Configs of the parts of a pretraining model, as variables of its config.

    ``network`` is the backbone.
    """

    network: dict[str, Any]
    masking: dict[str, Any]
    neck: dict[str, Any]
    head: dict[str, Any]


class Method(NamedTuple):
    """A method as its paper trains it.

    Attributes:
        name: Name on the command line.
        image_size: Side of the images of the paper.
        base_lr: Peak learning rate for ``base_update`` images an update; for
            fewer it is scaled down.
        base_update: Images of an update of the paper, and the most that a
            call chooses.
        warmup_divisor: The warm-up is the epochs divided by it.
        epochs: Fewest epochs of a call, those of a short schedule of the
            paper on ImageNet; smaller data sets get more.
        crop_ratio_range: Share of an image that a crop covers.
        betas: Betas of AdamW.
        max_norm: Norm to clip gradients to; ``None`` = no clipping.
        build: Parts for a network, a size of images and of patches.
    """

    name: str
    image_size: int
    base_lr: float
    base_update: int
    warmup_divisor: int
    epochs: int
    crop_ratio_range: tuple[float, float]
    betas: tuple[float, float]
    max_norm: float | None
    build: Callable[[Network, int, int], ModelParts]

    def unit(self, network: Network, patch: int) -> int:
        """Return the divisor of the sides of images in pixels."""
        halved = self.name == 'um-mae' or network.family == 'vit'
        return stride(network, patch) * (2 if halved else 1)


def _mixmae(network: Network, image_size: int, patch: int) -> ModelParts:
    if network.family == 'vit':
        raise ValueError(
            f'method=mixmae does not train {network.name}: its class token '
            'attends to both images of a mixture; use method=um-mae or '
            'simmim, or a Swin, PVT or Twins'
        )
    cell = stride(network, patch)
    side = image_size // (4 * patch)
    size = window(side)
    last = min(size, side // 2)
    backbone = _backbone(network, patch, image_size)
    if network.family == 'swin':
        sizes = (size,) * (network.stages - 1)
        backbone['window_sizes'] = (*sizes, last)
    decoder = dict(embed_dims=512, depth=8, num_heads=16)
    return ModelParts(
        backbone,
        dict(type='RandomMasking', ratio=0.5, cell=cell, shared=True),
        dict(
            type='MixMAENeck',
            in_channels=network.widths[-1],
            cell=cell,
            decoder=SMALL_DECODER if network.is_small else decoder,
        ),
        dict(type='DualReconstructionHead', norm_pixels=True),
    )


def _um_mae(network: Network, image_size: int, patch: int) -> ModelParts:
    if network.family == 'twins':
        raise ValueError(
            f'method=um-mae does not train {network.name}: its positions come '
            'from neighbouring tokens, which are removed; use method=mixmae '
            'or simmim, or a Swin, PVT or ViT'
        )
    hierarchical = network.family != 'vit'
    cell = 4 * patch if hierarchical else patch
    backbone = _backbone(network, patch, image_size)
    if network.family == 'swin':
        # The encoder sees a grid of half the sides.
        size = window(image_size // stride(network, patch))
        backbone |= dict(
            window_sizes=(size,) * network.stages,
            position_bias='log_coordinates',
            merging='conv',
            shift=True,
            absolute_positions=False,
            norm_eps=1e-6,
            block_norm_eps=1e-5,
        )
        if network.name in ('swin-large', 'swin-huge'):
            backbone['bias_dims'] = 64
    if network.family == 'pvt':
        backbone |= dict(
            sr_ratios=(4, 2, 1, 1),
            reduction='pool',
            patch_norm=False,
            block_norm_eps=1e-5,
        )
    depth = 8 if network.name == 'swin-large' else 2
    decoder = dict(embed_dims=512, depth=depth, num_heads=16)
    if network.is_small:
        decoder = SMALL_DECODER
    return ModelParts(
        backbone,
        dict(
            type='UniformMasking',
            cell=cell,
            secondary_ratio=0.25,
            multiple=2 * stride(network, patch),
        ),
        dict(
            type='UMMAENeck',
            in_channels=network.widths[-1],
            token_channels=network.widths[0],
            cell=cell,
            factor=2 if hierarchical else 1,
            decoder=dict(decoder, norm_eps=1e-6),
        ),
        dict(type='MaskedReconstructionHead', norm_pixels=True, loss='mse'),
    )


def _simmim(network: Network, image_size: int, patch: int) -> ModelParts:
    step = stride(network, patch)
    cell = max(step, 2 * patch)
    backbone = _backbone(network, patch, image_size)
    if network.family == 'swin':
        size = min(window(image_size // step), image_size // step)
        backbone |= dict(
            window_sizes=(size,) * network.stages,
            shift=True,
            absolute_positions=False,
        )
    return ModelParts(
        backbone,
        dict(
            type='RandomMasking',
            ratio=0.6,
            cell=cell,
            shared=False,
            rounding='ceil',
        ),
        dict(
            type='SimMIMNeck',
            in_channels=network.widths[-1],
            token_channels=network.widths[0],
            cell=cell,
            stride=step,
        ),
        dict(type='MaskedReconstructionHead', norm_pixels=False, loss='l1'),
    )


def _backbone(network: Network, patch: int, image_size: int) -> dict[str, Any]:
    kinds = {'swin': 'Swin', 'pvt': 'PVT', 'twins': 'Twins', 'vit': 'ViT'}
    found: dict[str, Any] = dict(
        type=f'MIM{kinds[network.family]}',
        arch=network.arch,
        img_size=Code('img_size'),
        patch_size=patch,
    )
    if network.family == 'twins':
        del found['img_size']
        if not str(network.arch).startswith('pcpvt'):
            side = image_size // (8 * patch)
            sizes = [size for size in range(10, 3, -1) if side % size == 0]
            found['window_size'] = sizes[0] if sizes else 7
    return found


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        # Sense-X/MixMIM, the base_600ep script.
        'mixmae': Method(
            name='mixmae',
            image_size=224,
            base_lr=1.2e-3,
            base_update=2048,
            warmup_divisor=15,
            epochs=300,
            crop_ratio_range=(0.2, 1.0),
            betas=(0.9, 0.95),
            max_norm=None,
            build=_mixmae,
        ),
        # implus/UM-MAE, Makefile and main_pretrain.py.
        'um-mae': Method(
            name='um-mae',
            image_size=256,
            base_lr=2.4e-3,
            base_update=4096,
            warmup_divisor=20,
            epochs=200,
            crop_ratio_range=(0.2, 1.0),
            betas=(0.9, 0.95),
            max_norm=None,
            build=_um_mae,
        ),
        # microsoft/SimMIM, the yaml of Swin-B.
        'simmim': Method(
            name='simmim',
            image_size=192,
            base_lr=8e-4,
            base_update=2048,
            warmup_divisor=10,
            epochs=100,
            crop_ratio_range=(0.67, 1.0),
            betas=(0.9, 0.999),
            max_norm=5.0,
            build=_simmim,
        ),
    }
)
# Of a pretraining that names neither a method nor a config.
DEFAULT_METHOD = 'mixmae'
# The mini network of configs/, whatever the method.
SMALL_LR, SMALL_UPDATE = 1e-3, 64


def named_method(name: str) -> Method:
    """Return the method of a name.

    Raises:
        ValueError: No method has this name.
    """
    found = name.lower().replace('_', '-')
    if found not in METHODS:
        raise ValueError(
            f'method={name!r} must be one of {", ".join(METHODS)}'
        )
    return METHODS[found]
