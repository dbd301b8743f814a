"""Config file of a fine-tuning, derived from labelled data."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mixmae.fileio.atomic_write import atomic_write
from mixmae.recipes.classification import plan_classification
from mixmae.recipes.config_template import config_text
from mixmae.recipes.detection import plan_detection
from mixmae.recipes.fine_tuning_options import ARGUMENTS, FineTuningOptions
from mixmae.recipes.fine_tuning_settings import FineTuningPlan
from mixmae.recipes.initial_network import initial_network
from mixmae.recipes.segmentation import plan_segmentation

TASKS: Mapping[str, Callable[..., FineTuningPlan]] = MappingProxyType({
    'classification': plan_classification,
    'detection': plan_detection,
    'segmentation': plan_segmentation,
})  # fmt: skip
# Of the output folder: the config, and the lists that it reads.
CONFIG, DATA = 'config.py', 'data'


def plan_fine_tuning(
    task: str,
    data: str | os.PathLike,
    init: str | os.PathLike,
    out: str | os.PathLike,
    overrides: Mapping[str, Any] | None = None,
    **options: Any,
) -> FineTuningPlan:
    """Read data and weights, and write ``config.py`` and ``data/``.

    Args:
        task: One of ``TASKS``.
        data: Labelled images; see the task's plan.
        init: Weights to start from; see ``initial_network``.
        out: Output folder of the run.
        overrides: Values of other settings of the config, by dotted key.
        options: See ``FineTuningOptions.of_call``.

    Raises:
        ConfigError: An override names no setting, or has no effect.
        ValueError: An argument, the data or the weights cannot be used; the
            message says which and why.
    """
    if task not in TASKS:
        raise ValueError(f'task must be one of {", ".join(TASKS)}, got {task}')
    chosen = FineTuningOptions.of_call(options)
    folder = Path(out)
    network = initial_network(init, folder / 'init.pth', chosen.in_channels)
    plan = TASKS[task](data, network, folder / DATA, chosen)
    plan.notes.insert(0, network.line)
    header = '\n'.join([
        f'{task.capitalize()} of {data}, written by mixmae finetune.',
        f'Run it with: mixmae train {folder / CONFIG} --work-dir FOLDER',
        f'It is configs/{plan.template} with other values of its variables.',
    ])  # fmt: skip
    text, settings = config_text(
        plan.template, header, plan.settings, overrides or {}, ARGUMENTS
    )
    plan = replace(plan, settings=settings)
    with atomic_write(folder / CONFIG) as partial:
        partial.write_text(text, 'utf-8')
    return plan
