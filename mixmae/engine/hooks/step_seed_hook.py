"""Ties everything random in a step to (seed, rank, iteration)."""

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mixmae.datasets.samplers.sample_index import seed_generators
from mixmae.registry import HOOKS


@HOOKS.register_module()
class StepSeedHook(Hook):
    """Seeds the generators of this process before each iteration.

    Masks, drop path, mixup or the sampling of regions then depend on nothing
    but the runner's seed, the rank, and the number of the
    (micro-)iteration, so that a resumed run draws what the uninterrupted one
    would have drawn, and no state of a generator need be saved. Models whose
    preprocessor draws no masks are served as well.
    """

    # Before any hook that might draw.
    priority = 'VERY_HIGH'

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Seed Python, NumPy and PyTorch; hand (seed, rank, iter) over."""
        step = (runner.seed, runner.rank, runner.iter)
        seed_generators(*step)
        if torch.cuda.is_available():
            # Seeds are noted on the host; no kernel is waited for.
            torch.cuda.manual_seed_all(torch.initial_seed())
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        preprocessor = getattr(model, 'data_preprocessor', None)
        set_draw = getattr(preprocessor, 'set_draw', None)
        if set_draw is not None:
            set_draw(*step)
