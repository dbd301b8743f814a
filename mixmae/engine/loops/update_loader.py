"""Batch size and accumulation of a training data loader's sampler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.runner import Runner


def update_loader(loader: Any, runner: Runner) -> Any:
    """Complete the ``UpdateSampler`` of a data loader's config.

    Args:
        loader: Config of a data loader, or a built one, which is returned.
        runner: With an optimizer wrapper or its config.

    Returns:
        A config whose sampler has the batch size of the loader and the
        accumulation of the optimizer wrapper, where it says none itself.
    """
    if not isinstance(loader, Mapping):
        return loader
    sampler = loader.get('sampler')
    if sampler is None or not is_update_sampler(sampler):
        return loader
    wrapper = runner.optim_wrapper
    if isinstance(wrapper, Mapping):
        counts = wrapper.get('accumulative_counts', 1)
    else:
        counts = getattr(wrapper, '_accumulative_counts', 1)
    own = {key: value for key, value in sampler.items() if value is not None}
    filled = dict(
        batch_size=loader.get('batch_size'), accumulative_counts=counts
    )
    return {**loader, 'sampler': {**filled, **own}}


def is_update_sampler(sampler: Any) -> bool:
    """Whether the config of a sampler is one of an ``UpdateSampler``."""
    if not isinstance(sampler, Mapping):
        return False
    kind = sampler.get('type')
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
    return name.split('.')[-1] == 'UpdateSampler'
