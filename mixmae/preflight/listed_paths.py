"""Check that lists and annotations name files below their folders."""

from __future__ import annotations

from typing import ClassVar

from mmengine.runner import BaseLoop

from mixmae.datasets.bad_annotation_error import BadAnnotationError
from mixmae.datasets.listed_paths import check_listed_paths, leaf_sets
from mixmae.preflight.check import Check, Finding, PlannedRun, Stage


class ListedPaths(Check):
    """Looks at every path of the data sets that have an ``ann_file``."""

    name: ClassVar[str] = 'listed paths'
    stage: ClassVar[Stage] = 'built'

    def run(self, planned: PlannedRun) -> Finding | None:
        """Compare."""
        count, errors = 0, []
        for split in ('train', 'val', 'test'):
            loop = getattr(planned.runner, f'_{split}_loop', None)
            if not isinstance(loop, BaseLoop):
                continue
            # A kNN test has two.
            neighbours = getattr(loop, 'train_dataloader', None)
            loaders = [loop.dataloader, *([neighbours] if neighbours else [])]
            for dataset in (
                leaf for one in loaders for leaf in leaf_sets(one.dataset)
            ):
                try:
                    count += check_listed_paths(dataset)
                except BadAnnotationError as error:
                    errors.append(str(error))
        if not count and not errors:
            return None
        return Finding(
            f'{count:,} paths of lists and annotations with their folders',
            tuple(dict.fromkeys(errors)),
        )
