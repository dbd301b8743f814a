"""Validation images whose predictions are shown during a training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.dist import is_main_process
from mmengine.runner import Runner

from mixmae.distributed.process_group import unwrapped
from mixmae.engine.fsdp2 import FullyShardedModel, gathered
from mixmae.engine.preserved_random_state import preserved_random_state


def held_out_batch(runner: Runner, count: int) -> dict:
    """Return a collated batch of evenly spaced images of the validation set.

    Args:
        count: Number of images, at most; small sets have fewer.
    """
    dataset = runner.val_dataloader.dataset
    count = min(count, len(dataset))
    images = [dataset[i * len(dataset) // count] for i in range(count)]
    return runner.val_dataloader.collate_fn(images)


@contextmanager
def model_to_show(runner: Runner) -> Iterator[Any]:
    """Yield the model for a prediction that does not change the training.

    Yields:
        The model without its wrapper. None on ranks that have nothing to do:
        all but the main one, unless the parameters are split over the ranks.
    """
    split = isinstance(runner.model, FullyShardedModel)
    if not split and not is_main_process():
        yield None
        return
    with preserved_random_state(), gathered(runner.model):
        yield unwrapped(runner.model)
