"""Augmentations that can be drawn again."""

from typing import Any

from mixmae.datasets.images.batched_transforms import Stages
from mixmae.datasets.samplers.sample_index import SampleIndex, seed_generators
from mixmae.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SeedSample:
    """Seeds the generators by (seed, epoch, sample), before augmentations.

    Stands first in a pipeline. What the transforms after it draw then does
    not depend on which worker draws it, how many there are, or what was drawn
    before; a resumed run sees the crops of the uninterrupted one, and workers
    that are started anew in each epoch do not repeat themselves.

    A data set that asks for another sample when a crop has left no object
    draws its number after this seeding, so that it is the same one again; it
    is seeded by that number and the same epoch.

    Raises:
        ValueError: the index comes from a sampler that knows no epoch.
    """

    def __init__(self) -> None:
        self._before: SampleIndex | None = None

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Seed; leave a plain ``sample_idx`` behind."""
        index = results.get('sample_idx')
        if type(index) is int and self._before is not None:
            index = self._before.at(index)
        if not isinstance(index, SampleIndex):
            raise ValueError(
                f'SeedSample needs the epoch with sample_idx {index!r}: use '
                f'it with sampler=dict(type="mixmae.UpdateSampler", ...) or '
                f'train_cfg=dict(type="mixmae.ResumableTrainLoop", ...), and '
                f'a data set that passes the index on'
            )
        self._before = index
        seed_generators(index.seed, index.epoch, int(index))
        results['sample_idx'] = int(index)
        return results

    def stages(self) -> Stages:
        """See ``BatchedPipeline``."""
        return Stages(draw=self)

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
