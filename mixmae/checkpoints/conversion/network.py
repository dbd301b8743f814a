"""Networks of mixmae in a conversion: parts, configs and expected keys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from mmengine.registry import DefaultScope
from torch import Tensor

from mixmae.checkpoints.conversion.conversion import Conversion, Source
from mixmae.checkpoints.conversion.swin_settings import (
    SwinSettings,
    count_numbered,
    is_standard_swin,
    settings_from_shapes,
)
from mixmae.checkpoints.io.state_dict import without_prefix
from mixmae.checkpoints.loading.config_allowlist import registered_parts
from mixmae.checkpoints.loading.key_map import NO_PART, KeyReport
from mixmae.models.data_preprocessor import IMAGENET_MEAN, IMAGENET_STD
from mixmae.models.layers.position_bias import resize_table
from mixmae.registry import MODELS, SCOPE

# Of both official codes.
IMAGENET = {
    'mean': [*IMAGENET_MEAN],
    'std': [*IMAGENET_STD],
    'channel_order': 'RGB',
}


def backbone_prefix(state: Mapping[str, Tensor]) -> str:
    """Return the prefix of the backbone's keys; '' for a bare backbone."""
    prefix = 'backbone.'
    return prefix if any(key.startswith(prefix) for key in state) else ''


def parts_of(
    state: Mapping[str, Tensor],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Split into the backbone's tensors, without prefix, and the others.

    A state dict without a backbone's prefix is the backbone itself, except for
    a classifier's ``head.fc``.
    """
    prefix = backbone_prefix(state)
    backbone, others = {}, {}
    for key, value in state.items():
        if key.startswith(prefix) and not key.startswith('head.fc.'):
            backbone[key.removeprefix(prefix)] = value
        else:
            others[key] = value
    return backbone, others


def without_inner_norms(
    state: Mapping[str, Tensor], last: int
) -> tuple[dict[str, Tensor], list[str]]:
    """Leave out norms of outputs before the last stage; return their keys."""
    pattern = re.compile(rf'(backbone\.)?norm(?!{last}\.)\d+\.\w+')
    unused = [key for key in state if pattern.fullmatch(key)]
    return {key: state[key] for key in state if key not in unused}, unused


def output_stages(state: Mapping[str, Tensor], last: int) -> list[int]:
    """Return stages, up to the last, that have an output norm."""
    found = [re.match(r'backbone\.norm(\d+)\.', key) for key in state]
    stages = {int(match[1]) for match in found if match}
    return sorted(stage for stage in stages if stage <= last)


def backbone_config(
    state: Mapping[str, Tensor], settings: SwinSettings
) -> dict[str, Any]:
    """Return the config of a backbone with all norms in a state dict."""
    config = settings.config()
    last = len(settings.depths) - 1
    outputs = output_stages(state, last)
    if outputs not in ([], [last]):
        config['out_indices'] = tuple(outputs)
    return config


def recorded_backbone(
    backbone: Mapping[str, Tensor], source: Source
) -> dict[str, Any]:
    """Return the config of a backbone of mixmae.

    Args:
        backbone: State dict without prefixes.
        source: The file that it is from, which records its config.

    Returns:
        Of a Swin that other code bases can build, what its tensors imply; of
        any other backbone what is recorded.

    Raises:
        ValueError: There is no config, tensors and config disagree, or the
            config names parts that are not registered.
    """
    config = source.part('backbone')
    if is_standard_swin(config):
        state = {f'backbone.{key}': value for key, value in backbone.items()}
        return backbone_config(state, SwinSettings.of(backbone, config))
    found = registered_parts(config, (MODELS,), source.path)
    if found['type'] in MODELS.modules:
        # A config of another scope can build it, too.
        found['type'] = f'{SCOPE}.{found["type"]}'
    return found


def decoder_config(
    neck: Mapping[str, Tensor],
    num_heads: int = 1,
    norm_eps: float = 1e-5,
) -> dict[str, Any]:
    """Return arguments of the neck with these tensors.

    Args:
        neck: Its tensors, without prefix.
        num_heads: Heads of the decoder, on which no tensor's shape depends.
        norm_eps: Norm epsilon of the decoder.

    Returns:
        ``in_channels``, ``cell`` and ``decoder``.

    Raises:
        ValueError: Tensors that determine sizes are missing.
    """
    try:
        dims = neck['mask_token'].size(-1)
        in_channels = neck['embed.weight'].size(1)
        pixels = neck['decoder.predict.weight'].size(0)
        hidden = neck['decoder.blocks.0.mlp.fc1.weight'].size(0)
    except KeyError as error:
        raise ValueError(
            f'the decoder is incomplete: neck.{error.args[0]} is missing'
        ) from None
    return {
        'in_channels': in_channels,
        'cell': round((pixels / 3) ** 0.5),
        'decoder': {
            'embed_dims': dims,
            'depth': count_numbered(neck, 'decoder.blocks.'),
            'num_heads': num_heads,
            'mlp_ratio': hidden / dims,
            'norm_eps': norm_eps,
        },
    }


def neck_config(neck: Mapping[str, Tensor], **decoder: Any) -> dict[str, Any]:
    """Return the config of the ``MixMAENeck`` with these tensors."""
    return {'type': 'mixmae.MixMAENeck', **decoder_config(neck, **decoder)}


def wanted_state(
    state: Mapping[str, Tensor], model: Mapping[str, Mapping[str, Any]]
) -> dict[str, Tensor]:
    """Return the names and shapes that a state dict should have.

    Args:
        state: State dict with prefixes, perhaps with a classifier.
        model: Configs of ``backbone`` and, if it has one, ``neck``.

    Returns:
        Tensors on the meta device.
    """
    wanted: dict[str, Tensor] = {}
    with (
        DefaultScope.overwrite_default_scope('mixmae'),
        torch.device('meta'),
    ):
        built = {
            'backbone': MODELS.build({**model['backbone'], 'init_cfg': None})
        }
        if 'neck' in model:
            neck = {**model['neck'], 'init_cfg': None}
            channels = getattr(built['backbone'], 'in_channels', 3)
            if channels != 3:
                # As MaskedImageModel builds it.
                neck = {'image_channels': channels, **neck}
            built['neck'] = MODELS.build(neck)
        for part, module in built.items():
            for key, value in module.state_dict().items():
                wanted[f'{part}.{key}'] = value
        if any(key.startswith('head.fc.') for key in state):
            weight = state.get('head.fc.weight')
            classes = 1 if weight is None else weight.size(0)
            channels = built['backbone'].num_features[-1]
            wanted['head.fc.weight'] = torch.empty(classes, channels)
            wanted['head.fc.bias'] = torch.empty(classes)
    return wanted


def resize_tables(
    state: dict[str, Tensor], windows: Sequence[int], report: KeyReport
) -> None:
    """Resize bias tables to other windows, one per stage, in place.

    Raises:
        ValueError: There is not one window per stage.
    """
    tables = [key for key in state if key.endswith('position_bias.table')]
    stages = {key.split('.')[2] for key in tables}
    if len(windows) != len(stages) or min(windows) < 1:
        raise ValueError(
            f'--window-sizes {list(windows)} must have one side of at least 1 '
            f'token for each of the {len(stages)} stages'
        )
    for key in tables:
        resized = resize_table(state[key], windows[int(key.split('.')[2])])
        if resized.shape != state[key].shape:
            report.resized[key] = (state[key].shape, resized.shape)
            state[key] = resized


def swin_conversion(
    source: Source,
    state: dict[str, Tensor],
    report: KeyReport,
    **settings: Any,
) -> Conversion:
    """Complete the conversion of a Swin, which shifts its windows.

    Args:
        source: The checkpoint.
        state: State dict in our names, with prefixes.
        report: Report of the renaming.
        settings: Settings that tensors do not show; see ``SwinSettings``.
    """
    found = settings_from_shapes(parts_of(state)[0])
    found = replace(found, shift=True, absolute_positions=False, **settings)
    model: dict[str, Any] = {'backbone': backbone_config(state, found)}
    preprocessing = source.recorded_preprocessing()
    if preprocessing:
        model['data_preprocessor'] = preprocessing
    report.compare(state, wanted_state(state, model))
    return Conversion(state, report, model, source.path)


def own_parts(
    source: Source, parts: set[str]
) -> tuple[dict[str, Tensor], SwinSettings, KeyReport]:
    """Return a backbone of ours and the named parts, checked.

    Args:
        source: A checkpoint of mixmae.
        parts: Parts besides the backbone: 'neck' or 'head', a classifier.

    Returns:
        The state dict with prefixes, the settings, and a report of dropped and
        mismatched keys.
    """
    backbone, others = parts_of(source.state)
    settings = SwinSettings.of(backbone, source.part('backbone'))
    state = {f'backbone.{key}': value for key, value in backbone.items()}
    report = KeyReport()
    names = {key.split('.')[0] for key in others}
    for key, value in others.items():
        part = key.split('.')[0]
        # A head that is not a classifier.
        foreign = part == 'head' and not key.startswith('head.fc.')
        if part not in parts or foreign:
            report.dropped[key] = NO_PART
        elif parts == {'head'} and 'neck' in names:
            report.dropped[key] = 'a classifier on a neck with weights'
        else:
            state[key] = value
    model = {'backbone': backbone_config(state, settings)}
    neck = without_prefix(state, 'neck.')
    if neck:
        model['neck'] = neck_config(neck)
    report.compare(state, wanted_state(state, model))
    return state, settings, report
