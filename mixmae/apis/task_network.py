"""Whole classifiers, detectors and segmentors, built for inference."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope
from mmengine.utils import is_installed
from torch import nn

from mixmae.apis.image_preparation import CARRIED_BY
from mixmae.apis.trained_network import (
    ConfigLike,
    load_all_weights,
    model_config,
    network_config,
)
from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.checkpoints.io.state_dict import state_dict_of
from mixmae.checkpoints.loading.config_allowlist import (
    SCOPES,
    TASK_PARTS,
    registered_parts,
)
from mixmae.engine.hooks.visualization_hook import framework_of
from mixmae.fileio.address import public_address
from mixmae.registry import MODELS, TASK_UTILS

# Scope of the model of each task.
TASKS = MappingProxyType({
    'mmpretrain': 'classification',
    'mmdet': 'detection',
    'mmseg': 'segmentation',
})  # fmt: skip
# Parts of a model that only a training needs.
OF_TRAINING = ('train_cfg', 'init_cfg', 'pretrained', 'auxiliary_head')


@dataclass(frozen=True)
class TaskNetwork:
    """A trained network with the meaning of its outputs.

    Attributes:
        task: 'classification', 'detection' or 'segmentation'.
        model: The network, in evaluation mode, on the CPU.
        cfg: Its config.
        meta: ``classes``, and ``palette``, ``label_values`` and the like as
            far as the run recorded them.
    """

    task: str
    model: nn.Module
    cfg: Config
    meta: Mapping[str, Any] = field(default_factory=dict)


def task_network(
    checkpoint: str | os.PathLike, config: ConfigLike = None
) -> TaskNetwork:
    """Build a network and load its weights, all of them.

    Args:
        checkpoint: Checkpoint of a fine-tuning.
        config: Its config; None = the one in the checkpoint, of which only
            known parts are built.

    Raises:
        ValueError: No such network, parts that are not allowed in a
            checkpoint, or weights that do not fit.
    """
    cfg = network_config(config, checkpoint)
    scope = framework_of(cfg)
    if scope is None:
        raise ValueError(
            f'{public_address(str(checkpoint))}: predictions are those of a '
            f'classifier, a detector or a segmentor, and this is a '
            f'{cfg.model.get("type")}; fine-tune it first (mixmae finetune)'
        )
    if not is_installed(scope):
        raise ValueError(
            f'this is a model of {scope}, which is not installed: see README, '
            f'full tier'
        )
    settings = {
        k: v for k, v in model_config(cfg).items() if k not in OF_TRAINING
    }
    if cfg.get(CARRIED_BY):
        settings = buildable_settings(settings, cfg[CARRIED_BY], scope)
    if scope == 'mmdet':
        # An argument that most of its models must have.
        settings['train_cfg'] = None
    _import_framework(scope)
    with DefaultScope.overwrite_default_scope(scope):
        model = MODELS.build(ConfigDict(settings))
    content = safe_load(str(checkpoint))
    path = public_address(str(checkpoint))
    state = {
        key: value
        for key, value in state_dict_of(content, path).items()
        if not key.startswith('auxiliary_head.')
    }
    load_all_weights(model, state, path)
    return TaskNetwork(TASKS[scope], model.eval(), cfg, _meta(cfg, content))


def buildable_settings(
    settings: Mapping[str, Any], source: str, scope: str
) -> dict[str, Any]:
    """Return the config of a model in a checkpoint, as far as it is safe.

    Args:
        source: The checkpoint, for messages.

    Raises:
        ValueError: It names a part that is not in ``TASK_PARTS``.
    """
    return registered_parts(
        _without_files(settings),
        (MODELS, TASK_UTILS),
        source,
        scope,
        SCOPES,
        TASK_PARTS,
    )


def _import_framework(scope: str) -> None:
    """Import the data sets of a framework without what it prints then."""
    with contextlib.redirect_stdout(io.StringIO()):
        importlib.import_module(f'{scope}.datasets')


def _without_files(settings: Any) -> Any:
    """Copy a config without the arguments that may name a file."""
    if isinstance(settings, Mapping):
        return {
            key: _without_files(value)
            for key, value in settings.items()
            # mmseg reads the weights of a loss from a file of any kind.
            if key not in (*OF_TRAINING, 'class_weight')
        }
    if isinstance(settings, (list, tuple)):
        return type(settings)(_without_files(value) for value in settings)
    return settings


def _meta(cfg: Config, content: Mapping) -> dict[str, Any]:
    """Return names and colours of classes; those of the config win."""
    recorded = (content.get('meta') or {}).get('dataset_meta')
    meta = dict(recorded) if isinstance(recorded, Mapping) else {}
    for loader in ('val_dataloader', 'test_dataloader'):
        dataset = (cfg.get(loader) or {}).get('dataset') or {}
        stated = dataset.get('metainfo')
        meta |= dict(stated) if isinstance(stated, Mapping) else {}
        for name in ('label_values', 'reduce_zero_label'):
            if dataset.get(name) is not None:
                meta[name] = dataset[name]
    return meta
