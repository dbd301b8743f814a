"""State dicts of mixmae's networks: parts, configs and expected keys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mixmae.checkpoints.conversion.swin_settings import SwinSettings
from mixmae.checkpoints.loading.key_report import KeyReport
from mixmae.models.backbones.mim_swin import swin_arch
from mixmae.models.layers.position_bias import resize_table
from mixmae.registry import MODELS


def parts_of(
    state: Mapping[str, Tensor],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Split into the backbone's tensors, without prefix, and the others.

    A state dict without a backbone's prefix is the backbone itself, except for
    a classifier's ``head.fc``.
    """
    prefix = 'backbone.'
    bare = not any(key.startswith(prefix) for key in state)
    backbone, others = {}, {}
    for key, value in state.items():
        if key.startswith(prefix):
            backbone[key.removeprefix(prefix)] = value
        elif bare and not key.startswith('head.fc.'):
            backbone[key] = value
        else:
            others[key] = value
    return backbone, others


def settings_of(
    backbone: Mapping[str, Tensor], config: Mapping[str, Any]
) -> SwinSettings:
    """Combine the tensors and the config of a MIMSwin.

    Args:
        backbone: Its tensors, without prefix.
        config: Config of the backbone; its ``arch`` may be a name.

    Raises:
        ValueError: The config is of another network.
    """
    if str(config.get('type', '')).endswith('MIMSwin'):
        arch = swin_arch(config.get('arch', 'base'))
        config = {**config, 'arch': arch._asdict()}
    return SwinSettings.of(backbone, config)


def backbone_config(
    state: Mapping[str, Tensor], settings: SwinSettings
) -> dict[str, Any]:
    """Return the config of a backbone with all norms in a state dict.

    Args:
        state: State dict with prefixes.
        settings: Settings of the backbone.
    """
    config = settings.config()
    last = len(settings.depths) - 1
    outputs = _outputs(state, last)
    if outputs not in ([], [last]):
        config['out_indices'] = tuple(outputs)
    return config


def neck_config(
    neck: Mapping[str, Tensor],
    num_heads: int = 1,
    norm_eps: float = 1e-5,
) -> dict[str, Any]:
    """Return the config of the ``MixMAENeck`` with these tensors.

    Args:
        neck: Its tensors, without prefix.
        num_heads: Heads of the decoder, on which no tensor's shape depends.
        norm_eps: Norm epsilon of the decoder.

    Raises:
        ValueError: Tensors that determine sizes are missing.
    """
    try:
        embed = neck['embed.weight']
        pixels = neck['decoder.predict.weight'].size(0)
        hidden = neck['decoder.blocks.0.mlp.fc1.weight'].size(0)
    except KeyError as error:
        raise ValueError(
            f'the decoder is incomplete: neck.{error.args[0]} is missing'
        ) from None
    blocks = [re.match(r'decoder\.blocks\.(\d+)\.', key) for key in neck]
    config: dict[str, Any] = {
        'type': 'mixmae.MixMAENeck',
        'in_channels': embed.size(1),
        'cell': round((pixels / 3) ** 0.5),
        'decoder': {
            'embed_dims': embed.size(0),
            'depth': len({found[1] for found in blocks if found}),
            'num_heads': num_heads,
            'mlp_ratio': hidden / embed.size(0),
            'norm_eps': norm_eps,
        },
    }
    return config


def wanted_state(
    state: Mapping[str, Tensor], settings: SwinSettings
) -> dict[str, Tensor]:
    """Return the names and shapes that a state dict should have.

    Args:
        state: State dict with prefixes: a backbone, and a neck or a
            classifier.
        settings: Settings of the backbone.

    Returns:
        Tensors on the meta device.
    """
    last = len(settings.depths) - 1
    with torch.device('meta'):
        backbone = MODELS.build(backbone_config(state, settings))
        wanted = {f'backbone.{k}': v for k, v in backbone.state_dict().items()}
        neck = {
            key.removeprefix('neck.'): value
            for key, value in state.items()
            if key.startswith('neck.')
        }
        if neck:
            built = MODELS.build(neck_config(neck)).state_dict()
            wanted.update({f'neck.{k}': v for k, v in built.items()})
        if any(key.startswith('head.fc.') for key in state):
            weight = state.get('head.fc.weight')
            classes = 1 if weight is None else weight.size(0)
            channels = settings.embed_dims << last
            wanted['head.fc.weight'] = torch.empty(classes, channels)
            wanted['head.fc.bias'] = torch.empty(classes)
    return wanted


def _outputs(state: Mapping[str, Tensor], last: int) -> list[int]:
    """Return stages, up to the last, that have an output norm."""
    found = [re.match(r'backbone\.norm(\d+)\.', key) for key in state]
    stages = {int(match[1]) for match in found if match}
    return sorted(stage for stage in stages if stage <= last)


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
