"""Experiment trackers of a run, by name."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config

from mixmae.config.config_paths import type_name
from mixmae.config.failure_report import ConfigError

# MMEngine's backends, by the package that each needs.
TRACKERS: Mapping[str, Mapping[str, Any]] = {
    'tensorboard': {'type': 'TensorboardVisBackend'},
    # Offline with WANDB_MODE=offline in the environment.
    'wandb': {
        'type': 'WandbVisBackend',
        'init_kwargs': {'project': 'mixmae'},
    },
    'mlflow': {'type': 'mixmae.MLflowBackend'},
}


def add_trackers(cfg: Config, names: Sequence[str]) -> None:
    """Let the visualizer of a run write to trackers as well.

    Args:
        cfg: Config of a run; its ``visualizer`` is replaced.
        names: Keys of ``TRACKERS``; one that the config already has is kept.

    Raises:
        ConfigError: There is no such tracker, or its package is not
            installed.
    """
    unknown = sorted(set(names) - set(TRACKERS))
    if unknown:
        raise ConfigError(
            f'--track {" ".join(unknown)} is not known: use '
            f'{", ".join(TRACKERS)}'
        )
    missing = [n for n in names if importlib.util.find_spec(n) is None]
    if missing:
        raise ConfigError(
            f'--track {" ".join(missing)} needs a package: pip install '
            f'{" ".join(missing)}'
        )
    visualizer = copy.deepcopy(dict(cfg.get('visualizer') or {}))
    visualizer.setdefault('type', 'Visualizer')
    backends = list(visualizer.get('vis_backends') or [])
    present = set(map(type_name, backends))
    for name in names:
        backend = copy.deepcopy(dict(TRACKERS[name]))
        if type_name(backend) not in present:
            backends.append(backend)
    cfg.visualizer = {**visualizer, 'vis_backends': backends}
