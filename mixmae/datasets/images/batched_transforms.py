"""A pipeline that several samples go through together, stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError

Step = Callable[[dict], dict]
# So many samples are under way at once.
TOGETHER = 16


class Stages(NamedTuple):
    """What a transform does in each stage, if anything.

    Called one after the other they are the transform. ``draw`` alone may draw
    random numbers. None needs what a later stage of another transform adds.
    """

    read: Step | None = None
    draw: Step | None = None
    decode: Step | None = None
    resize: Step | None = None
    pack: Step | None = None


class BatchedPipeline:
    """Takes samples through a pipeline together.

    Decoding an image empties the caches of a core, and all that is done
    between two of them (opening a file, seeding, drawing, packing) then takes
    several times as long as it would by itself: a quarter of the whole. Here
    some samples are read, then crops are drawn for all of these, then they are
    decoded, and so on. Each is the same as by itself: what it draws follows
    its own seed.

    Args:
        transforms: of the pipeline; see ``of``.
    """

    def __init__(self, transforms: Sequence[Any]) -> None:
        rows = [transform.stages() for transform in transforms]
        self.stages = [
            [step for step in stage if step is not None]
            for stage in zip(*rows, strict=True)
        ]

    @classmethod
    def of(cls, transforms: Iterable[Any]) -> BatchedPipeline | None:
        """That of these transforms; None if they do not allow it.

        The first must be ``SeedSample``, and all must have ``stages()``,
        which gives their ``Stages``. Those of a class do not count for its
        child that has another ``__call__``.
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
        """What the pipeline makes of some samples.

        Args:
            indices: of the samples.
            read: gives what goes into the pipeline, or None.

        Returns:
            One for each; None where ``read`` gave None, or it or a transform
            raised ``CorruptImageError``.
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
    """Whether calls of a class go through stages."""
    for parent in kind.__mro__:
        if 'stages' in vars(parent):
            return True
        if '__call__' in vars(parent):
            return False
    return False


def _through(stage: Sequence[Callable], sample: Any) -> Any:
    """A sample after the steps of a stage; None if it is broken, or None."""
    try:
        for step in stage:
            if sample is None:
                return None
            sample = step(sample)
    except CorruptImageError:
        return None
    return sample
