"""Batch size and accumulation in loader, sampler and optimizer wrapper."""

from __future__ import annotations

from collections.abc import Mapping

from mixmae.engine.loops.update_loader import is_update_sampler
from mixmae.preflight.check import Check, Finding, PlannedRun


class UpdateSize(Check):
    """Compares the ``UpdateSampler`` with data loader and accumulation."""

    name = 'images per update'
    modes = ('train',)

    def run(self, planned: PlannedRun) -> Finding | None:
        loader = planned.config.get('train_dataloader') or {}
        wrapper = planned.config.get('optim_wrapper') or {}
        sampler = loader.get('sampler')
        if sampler is None or not is_update_sampler(sampler):
            return None
        pairs = [
            ('batch_size', 'train_dataloader', loader.get('batch_size')),
            (
                'accumulative_counts',
                'optim_wrapper',
                wrapper.get('accumulative_counts', 1)
                if isinstance(wrapper, Mapping)
                else 1,
            ),
        ]
        errors = [
            f'train_dataloader.sampler.{name}={sampler[name]} and '
            f'{place}.{name}={value} differ: set both to the same number, or '
            f'leave train_dataloader.sampler.{name} out of the config'
            for name, place, value in pairs
            if sampler.get(name) is not None and sampler[name] != value
        ]
        said = ' x '.join(f'{name} {value}' for name, _, value in pairs)
        return Finding(said, errors=tuple(errors))
