"""Ties the masks to (seed, rank, iteration)."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mixmae.registry import HOOKS


@HOOKS.register_module()
class MaskSeedHook(Hook):
    """Tells the preprocessor, before each iteration, which masks to draw.

    The masks of an iteration then depend on nothing but the runner's seed,
    the rank, and the number of the (micro-)iteration, so that a resumed run
    draws those which the uninterrupted run would have drawn. Models whose
    preprocessor draws no masks are left alone.
    """

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Hand over (seed, rank, iteration)."""
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        set_draw = getattr(model.data_preprocessor, 'set_draw', None)
        if set_draw is not None:
            set_draw(runner.seed, runner.rank, runner.iter)
