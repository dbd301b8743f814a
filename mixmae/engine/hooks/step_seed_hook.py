"""Random numbers of a training: seeded for each iteration, kept by probes."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mixmae.datasets.samplers.resumable_samplers import seed_generators
from mixmae.distributed.process_group import unwrapped
from mixmae.registry import HOOKS


@HOOKS.register_module()
class StepSeedHook(Hook):
    """Seed the generators of this process before each iteration.

    Masks, drop path, mixup and region sampling then depend only on the
    runner's seed, the rank and the number of the (micro-)iteration. A resumed
    run draws the same numbers as an uninterrupted one, and no generator state
    needs to be saved.

    If the model's ``data_preprocessor`` has a ``masking``, the hook also adds
    ``mask_seed``, (seed, rank, iteration), to the batch; see
    ``MaskingDataPreprocessor.forward``. Other models get the batch unchanged.
    """

    # Before any hook that might draw.
    priority = 'VERY_HIGH'

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Seed Python, NumPy and PyTorch, and add the mask seed."""
        step = (runner.seed, runner.rank, runner.iter)
        seed_generators(*step)
        if torch.cuda.is_available():
            # Sets the seeds on the host only, without a synchronisation.
            torch.cuda.manual_seed_all(torch.initial_seed())
        model = unwrapped(runner.model)
        preprocessor = getattr(model, 'data_preprocessor', None)
        if getattr(preprocessor, 'masking', None) is not None:
            data_batch['mask_seed'] = step


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Restore the generators of Python, NumPy and PyTorch on exit.

    The generators of all CUDA devices are restored too if CUDA is in use.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_initialized() else 0
    python_state = random.getstate()
    numpy_state = np.random.get_state()
    try:
        with torch.random.fork_rng(range(gpus)):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
