"""Fine-tuning on own labels in one call."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixmae.apis.output_folder import OutputFolder
from mixmae.apis.training_process import train_folder
from mixmae.checkpoints.io.best_checkpoint import best_checkpoint
from mixmae.recipes.fine_tuning_config import plan_fine_tuning
from mixmae.recipes.fine_tuning_settings import FineTuningOptions


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
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    verbose: bool = False,
    overrides: Mapping[str, Any] | None = None,
    ignore_checks: Sequence[str] = (),
    **options: Any,
) -> FineTunedRun:
    """Fine-tune a pretrained backbone on labelled images.

    Example::

        mixmae.finetune(
            task='classification', data='photos/',
            init='runs/roofs/backbone.safetensors', out='runs/cats')

    Classes, sizes and schedule are read from data and weights and printed in a
    table. The run is that of ``out/config.py``, which is written first: an
    ordinary config that can be changed and run with ``mixmae train``. It
    trains in new processes, one for each device.

    Args:
        task: 'classification', 'detection' or 'segmentation'.
        data: A folder of class folders or a CSV of images and classes; a COCO
            JSON file or a folder with such; a folder with images and masks.
        init: Weights to start from, as in ``mixmae.pretrain``.
        out: Output folder of the run.
        resume, overwrite, dry_run, verbose, overrides, ignore_checks: See
            ``mixmae.pretrain``.
        options: Fields of
            ``mixmae.recipes.fine_tuning_settings.FineTuningOptions``, such as
            ``epochs``, ``devices``, ``freeze_backbone`` or ``patience``.

    Raises:
        ConfigError: An override names no setting, or has no effect.
        ValueError: Data, weights or an argument cannot be used.
        TrainingFailedError: The training ended with an error.
    """
    chosen = FineTuningOptions.of_call(options)
    processes, on_cpu = chosen.processes, chosen.devices == 'cpu'
    folder = OutputFolder(out, resume, overwrite)
    call: dict[str, Any] = {
        'task': task,
        'data': data,
        'init': init,
        **options,
        'overrides': overrides,
    }
    if folder.resumes:
        folder.compare(call, FineTuningOptions)
        print(f'going on with {folder.config}', flush=True)
        if dry_run:
            print(f'\n{folder.config.read_text("utf-8")}')
            return FineTunedRun(folder.path, folder.config)
        train_folder(folder, processes, on_cpu, verbose, ignore_checks)
    else:
        with folder.replacing(keep=not dry_run):
            with folder.locked():
                plan = plan_fine_tuning(out=folder.path, **call)
                folder.record(call)
            print(f'{plan.summary()}\n\nconfig: {folder.config}', flush=True)
            if dry_run:
                print(f'\n{folder.config.read_text("utf-8")}')
                return FineTunedRun(folder.path, folder.config)
            train_folder(folder, processes, on_cpu, verbose, ignore_checks)
    best = Path(best_checkpoint(folder.path))
    print(f'best checkpoint: {best}')
    print(f'predict: mixmae predict {folder.path} IMAGES --out FOLDER')
    return FineTunedRun(folder.path, folder.config, best)
