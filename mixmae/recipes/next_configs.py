"""Configs of other tasks that load a pretrained backbone."""

from __future__ import annotations

import os
from pathlib import Path

from mixmae.fileio.atomic_write import atomic_write
from mixmae.recipes.classification import TEMPLATE as CLASSIFICATION
from mixmae.recipes.config_template import filled, template_text
from mixmae.recipes.detection import TEMPLATE as DETECTION
from mixmae.recipes.fine_tuning_options import FineTuningOptions
from mixmae.recipes.fine_tuning_settings import network_settings
from mixmae.recipes.initial_network import InitialNetwork, initial_network
from mixmae.recipes.segmentation import TEMPLATE as SEGMENTATION
from mixmae.recipes.setting import Setting

NAMES = {
    'classification.py': CLASSIFICATION,
    'mask-rcnn.py': DETECTION,
    'upernet.py': SEGMENTATION,
}
HEADER = """\
{name} on the pretrained backbone in the folder above. Fill in data_root and
classes, then run: mixmae train {path} --work-dir FOLDER
(mixmae finetune reads both from the data, and sizes and schedule as well.)"""


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
    for name, template in NAMES.items():
        if template != CLASSIFICATION and len(set(network.channels)) < 4:
            continue
        path = folder / name
        header = HEADER.format(name=path.stem.capitalize(), path=path)
        text = filled(
            template_text(template), header, _settings(network, template)
        )
        with atomic_write(path) as partial:
            partial.write_text(text, encoding='utf-8')
        written.append(path)
    return written


def _settings(network: InitialNetwork, template: str) -> list[Setting]:
    last = network.channels[-1]
    single = template == CLASSIFICATION
    channels = last if single else network.channels
    settings = {
        one.name: one
        for one in network_settings(network, FineTuningOptions(), channels)
    }
    name = os.path.basename(str(network.checkpoint))
    # MMEngine puts the folder of the config there.
    settings['pretrained'] = Setting(
        'pretrained', f'{{{{ fileDirname }}}}/../{name}'
    )
    if single:
        settings['img_size'] = Setting('img_size', network.img_size)
        return list(settings.values())
    # Pyramid and heads as wide as suits the backbone.
    width = max(32, min(256, last // 4))
    settings['channels'] = Setting('channels', width)
    if template == DETECTION:
        settings['fc_channels'] = Setting('fc_channels', 4 * width)
    return list(settings.values())
