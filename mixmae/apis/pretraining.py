"""Pretraining on own images in one call."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixmae.apis.output_folder import OutputFolder
from mixmae.apis.training_process import LOG, train_folder
from mixmae.checkpoints.conversion.bare_backbone import to_bare
from mixmae.checkpoints.conversion.conversion import read_source
from mixmae.engine.manifest.checkpoint_search import last_checkpoint
from mixmae.recipes.fine_tuning_config import write_next_configs
from mixmae.recipes.machine import Machine
from mixmae.recipes.pretraining_config import plan_pretraining
from mixmae.recipes.pretraining_options import PretrainingOptions

BACKBONE, NEXT = 'backbone.safetensors', 'next'
# A path, or several.
Paths = str | os.PathLike | Sequence[str | os.PathLike]


@dataclass(frozen=True)
class PretrainedRun:
    """Output of a pretraining.

    Attributes:
        out: Output folder of the run.
        config: The config file of the run.
        checkpoint: The last checkpoint; ``None`` if nothing was trained.
        backbone: The backbone alone, for other tasks; ``None`` likewise.
        log: What the training and its libraries wrote; ``None`` likewise.
    """

    out: Path
    config: Path
    checkpoint: Path | None = None
    backbone: Path | None = None
    log: Path | None = None


def pretrain(
    out: str | os.PathLike,
    data: Paths,
    model: str | os.PathLike | None = None,
    method: str | None = None,
    val_data: Paths | None = None,
    image_size: int | str = 'auto',
    in_channels: int = 3,
    value_range: Sequence[float] | str = 'auto',
    init: str | os.PathLike | None = None,
    epochs: int | str = 'auto',
    batch_size: int | str = 'auto',
    lr: float | str = 'auto',
    devices: int | str = 'auto',
    precision: str = 'auto',
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    verbose: bool = False,
    overrides: Mapping[str, Any] | None = None,
    ignore_checks: Sequence[str] = (),
) -> PretrainedRun:
    """Pretrain a backbone on images without labels.

    Example::

        mixmae.pretrain(out='runs/roofs', data=['photos/', 'more/list.txt'])

    What is derived from the images and the machine is printed in a table with
    the reasons. The run is that of ``out/config.py``, which is written first:
    an ordinary config that can be changed and run by ``mixmae train``. It
    trains in processes of its own. ``out`` also gets checkpoints,
    ``backbone.safetensors`` (with its architecture, channels, mean and std in
    the header), ``training.log``, ``report.html``, and in ``next/`` configs
    of other tasks that load the backbone.

    Args:
        out: Output folder of the run.
        data: A folder of images or tar shards, a tar file, an image, a text
            file of paths (one a line, relative to its folder, or absolute),
            or several of them.
        model: 'swin-tiny', 'pvt-small', 'twins-svt-small', 'vit-base' and so
            on, or a pretraining config whose model is taken (default: the
            network of ``init``, or 'swin-tiny').
        method: 'mixmae' (default), 'um-mae' or 'simmim'.
        val_data: Images to validate on; by default a share of ``data`` is
            held out.
        image_size: Side of the images in pixels.
        in_channels: Channels of the images.
        value_range: Sample values of black and white, for images of other
            than 8 bits; 'auto' = those of ``init``, or measured on a sample.
        init: Weights that the run starts from: a checkpoint or a run of
            mixmae; official MixMIM, UM-MAE or SimMIM; a Swin of timm,
            Microsoft, mmdet, mmseg, mmpretrain or Hugging Face;
            'mixmae:NAME', 'timm:NAME' or 'hf:USER/NAME'.
        epochs: Passes over the images.
        batch_size: Images of a forward pass on one device.
        lr: Peak learning rate.
        devices: Number of GPUs, 'auto' for all; 'cpu'.
        precision: 'float32', 'bfloat16', 'float16' or 'auto'.
        seed: Seed of weights, crops, masks and the held-out share.
        resume: Resume the run in ``out``, if there is one.
        overwrite: Replace the run in ``out``.
        dry_run: Print table, cost and config, and write nothing.
        verbose: Show all output of the training.
        overrides: Values of other settings of the config by dotted key, as
            MMEngine's ``--cfg-options``.
        ignore_checks: Names of preflight checks whose errors become warnings.

    Raises:
        ValueError: An argument, the images or the folder cannot be used.
        ConfigError: An override names no setting, or has no effect.
        TrainingFailedError: The training ended with an error.
    """
    options = PretrainingOptions(
        data=data,
        model=None if model is None else os.fspath(model),
        method=method,
        val_data=val_data,
        image_size=image_size,
        in_channels=in_channels,
        value_range=value_range,
        init=init,
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        devices=devices,
        precision=precision,
        seed=seed,
        overrides=overrides or {},
    )
    folder = OutputFolder(out, resume, overwrite)
    on_cpu = devices == 'cpu'
    if folder.resumes:
        folder.compare(vars(options), PretrainingOptions)
        processes = Machine.find(devices).count
        print(f'going on with {folder.config}', flush=True)
        if dry_run:
            print(f'\n{folder.config.read_text("utf-8")}')
            return PretrainedRun(folder.path, folder.config)
        train_folder(folder, processes, on_cpu, verbose, ignore_checks)
        return finished_run(folder)
    plan = plan_pretraining(options)
    log = folder.path / LOG
    print(
        f'{plan.summary()}\noutput: {folder.path}, everything that is logged: '
        f'{log}',
        flush=True,
    )
    if dry_run:
        print(f'\n{plan.text}')
        return PretrainedRun(folder.path, folder.config)
    with folder.replacing():
        with folder.locked():
            plan.write(folder.path)
            folder.record(vars(options))
        train_folder(
            folder, plan.machine.count, on_cpu, verbose, ignore_checks
        )
    return finished_run(folder)


def finished_run(folder: OutputFolder) -> PretrainedRun:
    """Write the backbone of the last checkpoint; print paths of results."""
    checkpoint = last_checkpoint(folder.path)
    if checkpoint is None:
        raise ValueError(f'{folder.path} contains no intact checkpoint')
    backbone = folder.path / BACKBONE
    to_bare(read_source(checkpoint)).write(backbone)
    configs = write_next_configs(backbone, folder.path / NEXT)
    print(
        f'checkpoint: {checkpoint}\nbackbone: {backbone}\nconfigs for '
        f'fine-tuning: {", ".join(map(str, configs))}'
    )
    report = folder.path / 'report.html'
    if report.is_file():
        print(f'report: {report}')
    log = folder.path / LOG
    return PretrainedRun(folder.path, folder.config, checkpoint, backbone, log)
