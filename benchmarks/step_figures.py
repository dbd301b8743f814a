"""Speed and memory of the training steps of one candidate."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import torch

from benchmarks.candidate import Figures
from benchmarks.training_step import DTYPES, TrainingStep
from mixmae.profiling.throughput import measure_peak_flops


def measure(settings: dict[str, Any]) -> Figures:
    """Time steps in one dtype, then count saved bytes, in this process.

    Args:
        settings: Those of ``TrainingStep``, with ``warmup`` and ``steps``;
            optional ``flops_per_image``, for MFU; ``dtypes`` in which saved
            bytes are counted, and ``list_saved``, the number of largest
            tensors to list.
    """
    trainer = TrainingStep(settings)
    start = time.perf_counter()
    trainer.seconds(settings['warmup'])
    warm = time.perf_counter() - start
    seconds = trainer.seconds(settings['steps'])
    middle = median(seconds)
    batch = len(trainer.images)
    found: Figures = dict(
        batch=batch,
        images_per_second=batch / middle,
        step_seconds=middle,
        all_step_seconds=seconds,
        warmup_seconds=warm,
        # Before anything else: the peak of a process cannot be reset.
        peak_bytes=trainer.peak_bytes(),
        parameters=trainer.parameters(),
    )
    flops = settings.get('flops_per_image')
    if flops:
        # After the steps: the processor is as warm as it was.
        rate = measure_peak_flops(trainer.device, trainer.dtype)
        found.update(
            flops_per_image=flops,
            measured_peak_flops=rate,
            mfu=batch / middle * flops / rate,
        )
    found['loss'] = float(trainer.step())
    for name in settings.get('dtypes', ()):
        trainer.dtype = DTYPES[name]
        found.update(_saved(trainer, name, settings['list_saved']))
    return found


def _saved(trainer: TrainingStep, name: str, most: int) -> Figures:
    """Return the memory that a forward pass saves for backward, per image.

    The keys end with ``name``, the name of the dtype.
    """
    images = trainer.images
    batch = len(images)
    # The first pass prepares what later ones share.
    trainer.forward(images[:1])
    saved = trainer.saved(images)
    found: Figures = {
        f'saved_{name}': saved.total / batch,
        f'largest_{name}': saved.origins.most_common(most),
    }
    if batch > 1:
        less = trainer.saved(images[:1]).total
        found[f'further_{name}'] = (saved.total - less) / (batch - 1)
    del saved
    if trainer.device.type == 'cuda':
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        loss = trainer.forward(images)
        found[f'held_{name}'] = (
            torch.cuda.memory_allocated() - before
        ) / batch
        del loss
    return found
