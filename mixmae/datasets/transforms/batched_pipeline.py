"""Pipeline that processes several samples together, stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError

# Number of samples in flight at once.
TOGETHER = 16


class BatchedPipeline:
    """Pipeline that processes several samples together.

    Decoding an image evicts the caches of a core, so the steps between two
    decodings (opening a file, seeding, drawing, packing) take several times
    as long as in isolation: a quarter of the total time. This class reads
    several samples, then draws the crops of all of them, then decodes them,
    and so on. The result of each sample is the same as on its own: its random
    numbers follow its own seed.

    Args:
        transforms: Transforms of the pipeline; see ``of``.
    """

    def __init__(self, transforms: Sequence[Any]) -> None:
        rows = [transform.stages() for transform in transforms]
        self.stages = [
            [step for step in stage if step is not None]
            for stage in zip(*rows, strict=True)
        ]

    @classmethod
    def of(cls, transforms: Iterable[Any]) -> BatchedPipeline | None:
        """Return the batched pipeline; None if a transform does not allow it.

        Samples are then transformed one by one, with the same results.

        The first transform must be ``SeedSample``, and all must have a
        ``stages()`` method, which returns their ``Stages``. An inherited
        ``stages()`` does not count if the subclass overrides ``__call__``.
        """
        found = list(transforms)
        kinds = [type(transform) for transform in found]
        names = [kind.__name__ for kind in kinds]
        if names[:1] != ['SeedSample'] or not all(map(_has_stages, kinds)):
            return None
        return cls(found)

    def run(
        self, indices: Sequence[int], read: Callable[[int], dict | None]
    ) -> list[dict | None]:
        """Apply the pipeline to several samples.

        Args:
            indices: Indices of the samples.
            read: Returns the input of the pipeline, or None.

        Returns:
            One result per sample; None where ``read`` returned None, or where
            it or a transform raised ``CorruptImageError``.
        """
        found: list[dict | None] = []
        for start in range(0, len(indices), TOGETHER):
            some: list[Any] = list(indices[start : start + TOGETHER])
            first, *others = self.stages
            for stage in ([read, *first], *others):
                some = [_through(stage, sample) for sample in some]
            found += some
        return found


def _has_stages(kind: type) -> bool:
    """Return True if a call of a class is equal to its stages in order."""
    for parent in kind.__mro__:
        if 'stages' in vars(parent):
            return True
        if '__call__' in vars(parent):
            return False
    return False


def _through(stage: Sequence[Callable], sample: Any) -> Any:
    """Apply the steps of a stage; None if the sample is corrupt or None."""
    try:
        for step in stage:
            if sample is None:
                return None
            sample = step(sample)
    except CorruptImageError:
        return None
    return sample
