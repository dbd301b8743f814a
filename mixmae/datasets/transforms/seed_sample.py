"""Seeding of augmentations, for reproducible draws."""

from typing import Any

from mixmae.datasets.images.batched_transforms import Stages
from mixmae.datasets.samplers.update_sampler import (
    SampleIndex,
    seed_generators,
)
from mixmae.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SeedSample:
    """Seed the generators by (seed, epoch, sample), before augmentations.

    Must be the first transform of a pipeline. The draws of the following
    transforms then depend neither on the worker, nor on the number of
    workers, nor on earlier draws: a resumed run gets the crops of the
    uninterrupted one, and workers that restart in each epoch do not repeat
    their draws.

    A dataset that replaces a sample whose crop contains no object draws the
    index of the replacement after this seeding, so that the index is
    reproducible; the replacement is seeded by that index and the same epoch.

    Raises:
        ValueError: The index comes from a sampler that provides no epoch.
    """

    def __init__(self) -> None:
        self._before: SampleIndex | None = None

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Seed; replace ``sample_idx`` by a plain int."""
        index = results.get('sample_idx')
        if type(index) is int and self._before is not None:
            index = self._before.at(index)
        if not isinstance(index, SampleIndex):
            raise ValueError(
                f'SeedSample needs the epoch with sample_idx {index!r}; use '
                'it with sampler=dict(type="mixmae.UpdateSampler", ...) or '
                'train_cfg=dict(type="mixmae.ResumableTrainLoop", ...), and a '
                'data set that passes the index to its pipeline'
            )
        self._before = index
        seed_generators(index.seed, index.epoch, int(index))
        results['sample_idx'] = int(index)
        return results

    def stages(self) -> Stages:
        """Return the stages, see ``BatchedPipeline``."""
        return Stages(draw=self)

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
