"""Configs of a fine-tuning: of labelled data, or to be filled in."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mixmae.config.config_file import import_own_modules
from mixmae.fileio.atomic_write import atomic_write
from mixmae.recipes import classification, detection, segmentation
from mixmae.recipes.config_template import (
    Setting,
    config_text,
    filled,
    template_text,
)
from mixmae.recipes.fine_tuning_settings import (
    ARGUMENTS,
    FineTuningOptions,
    FineTuningPlan,
    network_settings,
)
from mixmae.recipes.initial_network import InitialNetwork, initial_network

TASKS: Mapping[str, Callable[..., FineTuningPlan]] = MappingProxyType({
    'classification': classification.plan_classification,
    'detection': detection.plan_detection,
    'segmentation': segmentation.plan_segmentation,
})  # fmt: skip
# Of the output folder: the config, and the lists that it reads.
CONFIG, DATA = 'config.py', 'data'
# Written beside a pretrained backbone.
NEXT_CONFIGS = {
    'classification.py': classification.TEMPLATE,
    'mask-rcnn.py': detection.TEMPLATE,
    'upernet.py': segmentation.TEMPLATE,
}
NEXT_HEADER = """\
{name} on the pretrained backbone in the folder above. Fill in data_root and
classes, then run: mixmae train {path} --work-dir FOLDER
(mixmae finetune reads both from the data, and sizes and schedule as well.)"""


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
    for name, value in {'data': data, 'init': init}.items():
        if not isinstance(value, (str, os.PathLike)):
            raise ValueError(
                f'{name} must be one path, got {type(value).__name__}'
            )
    chosen = FineTuningOptions.of_call(options)
    folder = Path(out)
    import_own_modules(overrides)
    network = initial_network(init, folder / 'init.pth', chosen.in_channels)
    data = os.path.expanduser(data)
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


def write_next_configs(backbone: Path, folder: Path) -> list[Path]:
    """Write a config of each task that the backbone can be fine-tuned on.

    Args:
        backbone: The file of the backbone, in the parent of ``folder``.
        folder: Folder of the configs.

    Returns:
        The configs; of a network without a pyramid, the classifier alone.
    """
    network = initial_network(backbone, folder / 'unused.pth')
    folder.mkdir(exist_ok=True)
    written = []
    for name, template in NEXT_CONFIGS.items():
        if template != classification.TEMPLATE and not network.is_pyramid:
            continue
        path = folder / name
        header = NEXT_HEADER.format(name=path.stem.capitalize(), path=path)
        text = filled(
            template_text(template), header, _settings(network, template)
        )
        with atomic_write(path) as partial:
            partial.write_text(text, encoding='utf-8')
        written.append(path)
    return written


def _settings(network: InitialNetwork, template: str) -> list[Setting]:
    last = network.channels[-1]
    single = template == classification.TEMPLATE
    channels = last if single else network.channels
    found = network_settings(network, FineTuningOptions(), channels)
    name = os.path.basename(str(network.checkpoint))
    # MMEngine puts the folder of the config there.
    path = f'{{{{ fileDirname }}}}/../{name}'
    settings = [one for one in found if one.name != 'pretrained']
    settings.append(Setting('pretrained', path))
    if single:
        return [*settings, Setting('img_size', network.img_size)]
    # Pyramid and heads as wide as suits the backbone.
    width = max(32, min(256, last // 4))
    settings.append(Setting('channels', width))
    if template == detection.TEMPLATE:
        settings.append(Setting('fc_channels', 4 * width))
    return settings
