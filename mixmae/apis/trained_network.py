"""Networks built from a config and a checkpoint for inference."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import TypeAlias

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from mixmae.apis.image_preparation import CARRIED_BY, Normalisation, scope_of
from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.checkpoints.io.state_dict import state_dict_of
from mixmae.checkpoints.loading.config_allowlist import registered_parts
from mixmae.checkpoints.loading.official_weights import (
    from_official_mixmim,
    is_official_mixmim,
)
from mixmae.checkpoints.loading.recorded_model import (
    check_parts,
    recorded_model,
    recorded_settings,
)
from mixmae.config.config_file import read_config
from mixmae.datasets.auto_image_values import set_image_values
from mixmae.fileio.address import public_address
from mixmae.models.backbones.hierarchical_backbone import HierarchicalBackbone
from mixmae.models.masked_image_model import MaskedImageModel
from mixmae.registry import MODELS, TASK_UTILS

# Keys of a run's config that are used without its data and schedule.
_KEPT = (
    'default_scope',
    'model',
    'data_preprocessor',
    'val_dataloader',
    'test_dataloader',
)
# A converted checkpoint may not state the type of its model.
_UNSAID = (
    'model that is not completely described; pass the config that it was '
    'pretrained with'
)
ConfigLike: TypeAlias = Config | Mapping | str | os.PathLike | None


def network_config(
    config: ConfigLike, checkpoint: str | os.PathLike | None
) -> Config:
    """Return the given config, or else the one in the checkpoint.

    The config in a checkpoint is parsed, never executed, and only registered
    parts are built from it.

    Args:
        config: A file, a config, or None.
        checkpoint: Checkpoint of an MMEngine run, which records its config, or
            of a converter, which records the network and its preprocessing;
            only read without ``config``.

    Returns:
        The config. From a checkpoint: its model and image preparation, with
        the path of the checkpoint as ``carried_by``.

    Raises:
        ValueError: A missing or unreadable file, a checkpoint without a
            config, or a config without a model.
    """
    if isinstance(config, (str, os.PathLike)):
        cfg = read_config(config)
    elif config is not None:
        cfg = copy.deepcopy(config)
        cfg = cfg if isinstance(cfg, Config) else Config(dict(cfg))
    elif checkpoint is not None:
        cfg = _carried_config(checkpoint)
    else:
        raise ValueError('a config or a checkpoint is required')
    path = None if checkpoint is None else str(checkpoint)
    set_image_values(cfg, path, measure=False)
    if not isinstance(cfg.get('model'), Mapping):
        raise ValueError(
            f'{config or checkpoint}: the config has no model; pass the '
            'complete config of a run'
        )
    return cfg


def choose_device(device: str | torch.device | None) -> torch.device:
    """Return the given device, or else a GPU if there is one.

    Raises:
        ValueError: There is no such device.
    """
    try:
        chosen = torch.device(device or get_device())
        # Fails on the device 'meta', which holds no values.
        torch.zeros(1, device=chosen).item()
    except (RuntimeError, AssertionError) as error:
        cause = str(error).splitlines()[0]
        raise ValueError(
            f'device {device} cannot be used: {cause}; omit it to use an '
            'available device'
        ) from None
    return chosen


def pretraining_model(
    cfg: Config, checkpoint: str | os.PathLike | None
) -> MaskedImageModel:
    """Build a complete pretraining model, encoder and decoder, on the CPU.

    Args:
        cfg: Config of a pretraining.
        checkpoint: Checkpoint of that run, or the official MixMIM pretraining.
            None keeps random weights, with a warning.

    Raises:
        ValueError: Another kind of config, a config from a checkpoint with
            parts that are not registered, or weights that do not fit.
    """
    kind = str(cfg.model.get('type', '')).split('.')[-1]
    if kind != 'MaskedImageModel':
        raise ValueError(
            'reconstruction needs a pretraining config, with a '
            f'MaskedImageModel; this one has a {kind or _UNSAID}'
        )
    config = _buildable(model_config(cfg), cfg)
    with DefaultScope.overwrite_default_scope(scope_of(cfg)):
        model = MODELS.build(config)
    if checkpoint is None:
        model.init_weights()
        _warn_untrained()
    else:
        _load_pretraining(model, checkpoint)
    return model.eval()


def trained_backbone(
    cfg: Config,
    checkpoint: str | os.PathLike | None,
    stages: Sequence[int] | None = None,
) -> tuple[HierarchicalBackbone, Normalisation]:
    """Build a bare backbone, on the CPU, and its normalisation.

    Args:
        cfg: Config of a pretraining, a classifier, a detector or a segmentor.
        checkpoint: Any that ``init_cfg`` of the backbone takes, including that
            of the whole downstream model. None keeps the weights that the
            config's ``init_cfg`` loads, or random ones, with a warning.
        stages: Stages whose maps ``backbone(images)`` returns; None = the
            config's choice. Norms of stages that were trained without one only
            standardise.

    Raises:
        ValueError: The config's backbone is not one of mixmae, or it comes
            from a checkpoint and has parts that are not registered; no such
            stage; or weights that do not fit.
    """
    _check_stages(stages)
    model = model_config(cfg)
    normalisation = Normalisation.of(model.get('data_preprocessor'))
    config = _buildable(dict(model.get('backbone') or {}), cfg)
    if stages is not None:
        config['out_indices'] = tuple(stages)
    if checkpoint is not None:
        path = str(checkpoint)
        config['init_cfg'] = {'type': 'Pretrained', 'checkpoint': path}
        state = state_dict_of(safe_load(path), public_address(path))
        # From a whole model, such as a detector, load only the backbone.
        if any(key.startswith('backbone.') for key in state):
            config['init_cfg']['prefix'] = 'backbone.'
    with DefaultScope.overwrite_default_scope(scope_of(cfg)):
        backbone = MODELS.build(config) if config else None
    if not isinstance(backbone, HierarchicalBackbone):
        kind = 'none' if backbone is None else type(backbone).__name__
        raise ValueError(
            'feature extraction needs a backbone of mixmae, such as '
            f'mixmae.MIMSwin; the backbone of this config is {kind}'
        )
    if config.get('init_cfg') is None:
        _warn_untrained()
    backbone.init_weights()
    return backbone.eval(), normalisation


def _carried_config(checkpoint: str | os.PathLike) -> Config:
    meta = safe_load(str(checkpoint)).get('meta')
    source = public_address(str(checkpoint))
    meta = meta if isinstance(meta, Mapping) else {}
    # The whole config of a run, for its pipelines.
    found = recorded_settings(meta)
    if found is None:
        model = recorded_model(meta)
        if not model:
            raise ValueError(
                f'{source} contains no config; pass the one that it was '
                'trained with'
            )
        found = {'model': copy.deepcopy(dict(model))}
    kept = {key: found[key] for key in _KEPT if key in found}
    check_parts(kept, source)
    return Config({**kept, CARRIED_BY: source})


def _buildable(config: dict, cfg: Config) -> dict:
    """Return a part of ``cfg`` that is safe to build."""
    if not cfg.get(CARRIED_BY):
        return config
    return registered_parts(
        config, (MODELS, TASK_UTILS), cfg[CARRIED_BY], scope_of(cfg)
    )


def model_config(cfg: Config) -> dict:
    """Return a copy of ``model``, with the preprocessor of the top level."""
    model = dict(copy.deepcopy(cfg.model))
    if cfg.get('data_preprocessor') is not None:
        model.setdefault('data_preprocessor', cfg.data_preprocessor)
    return model


def _check_stages(stages: Sequence[int] | None) -> None:
    if stages is None:
        return
    listed = isinstance(stages, Iterable) and not isinstance(stages, str)
    if not listed or not all(isinstance(i, Integral) for i in stages):
        raise ValueError(
            f'stages must be a sequence of integers, e.g. (3,), got {stages!r}'
        )


def _load_pretraining(model: nn.Module, checkpoint: str | os.PathLike) -> None:
    path = public_address(str(checkpoint))
    state = state_dict_of(safe_load(str(checkpoint)), path)
    if is_official_mixmim(state):
        state, _ = from_official_mixmim(state)
    if not any(key.startswith('neck.') for key in state):
        raise ValueError(
            f'{path} contains no decoder (no tensor named neck...); '
            'reconstruction needs a checkpoint of a pretraining'
        )
    load_all_weights(model, state, path)


def load_all_weights(
    model: nn.Module, state: Mapping[str, Tensor], path: str
) -> None:
    """Load tensors that must be exactly those of a model.

    Args:
        path: Their file, for the message.

    Raises:
        ValueError: A tensor is missing, unexpected or of another shape.
    """
    wanted = model.state_dict()
    missing = [key for key in wanted if key not in state]
    unexpected = [key for key in state if key not in wanted]
    misshapen = [
        f'{key} {tuple(state[key].shape)} for {tuple(wanted[key].shape)}'
        for key in wanted
        if key in state and state[key].shape != wanted[key].shape
    ]
    problems = [
        f'{len(keys)} {what} ({", ".join(keys[:3])})'
        for what, keys in (
            ('keys missing', missing),
            ('unexpected', unexpected),
            ('of another shape', misshapen),
        )
        if keys
    ]
    if problems:
        raise ValueError(
            f'{path} does not fit the config: {"; ".join(problems)}; pass the '
            'config that it was trained with'
        )
    model.load_state_dict(state)


def _warn_untrained() -> None:
    print_log(
        'no checkpoint was passed: the network is untrained',
        'current',
        level=30,
    )
