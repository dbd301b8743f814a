"""Hook that seeds each iteration, so that a resumed run draws the same."""

from typing import Any

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
