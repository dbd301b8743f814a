"""Fine-tuning on own labels in one call."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixmae.apis.task_network import checkpoint_of
from mixmae.apis.training_process import run_training
from mixmae.config.config_file import read_config
from mixmae.fileio.safe_path import FLAG, trusted
from mixmae.recipes.own_labels import CONFIG, plan_fine_tuning, plan_text


@dataclass(frozen=True)
class FineTunedRun:
    """Output of a fine-tuning.

    Attributes:
        out: Output folder of the run.
        config: The config file that ran.
        checkpoint: The best checkpoint; None if nothing was trained.
    """

    out: Path
    config: Path
    checkpoint: Path | None = None


def finetune(
    task: str,
    data: str | os.PathLike,
    init: str | os.PathLike,
    out: str | os.PathLike,
    overwrite: bool = False,
    dry_run: bool = False,
    verbose: bool = False,
    **options: Any,
) -> FineTunedRun:
    """Fine-tune a pretrained backbone on labelled images.

        mixmae.finetune(
            task='classification', data='photos/',
            init='runs/roofs/backbone.safetensors', out='runs/cats')

    Classes, sizes and schedule are read from data and weights and printed in a
    table. The run is that of ``out/config.py``, which is written first: an
    ordinary config that can be changed and run with ``mixmae train``. It
    trains in a separate process.

    Args:
        task: 'classification', 'detection' or 'segmentation'.
        data: A folder of class folders or a CSV of images and classes; a COCO
            JSON file or a folder with such; a folder with images and masks.
        init: Backbone to start from: a checkpoint or safetensors file of
            mixmae, an official MixMIM or UM-MAE, or a Swin of timm, mmdet,
            mmseg or mmpretrain.
        out: Output folder of the run.
        overwrite: Replace the run that ``out`` holds.
        dry_run: Write the config, print the table, and train nothing.
        verbose: Show all output of the training; it is in
            ``out/training.log``, too.
        options: Fields of ``recipes.fine_tuning.FineTuningOptions``, such as
            ``epochs``, ``freeze_backbone`` or ``patience``.

    Raises:
        ValueError: Data, weights or an argument cannot be used.
        TrainingFailedError: The training ended with an error.
    """
    folder = Path(out)
    config = folder / CONFIG
    if config.exists() and not overwrite:
        raise ValueError(
            f'{folder} already contains a run: choose another folder (out), '
            'or replace it (overwrite); to continue it: mixmae train '
            f'{config} --work-dir {folder} --resume'
        )
    plan = plan_fine_tuning(task, data, init, folder, **options)
    print(f'{plan_text(plan)}\n\nconfig: {config}', flush=True)
    if dry_run:
        return FineTunedRun(folder, config)
    epochs = read_config(config).train_cfg.get('max_epochs', 0)
    arguments = ['--overwrite'] * overwrite + [FLAG] * trusted()
    run_training(config, folder, 1, arguments, epochs, verbose=verbose)
    best = Path(checkpoint_of(folder))
    print(f'best checkpoint: {best}\npredict: mixmae predict {folder} IMAGES')
    return FineTunedRun(folder, config, best)
