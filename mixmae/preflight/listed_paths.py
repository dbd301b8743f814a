"""Check that lists and annotations name files below their folders."""

from __future__ import annotations

from typing import ClassVar

from mixmae.datasets.corrupt.annotation_error import AnnotationError
from mixmae.datasets.listed_paths import check_listed_paths
from mixmae.preflight.check import Check, Finding, PlannedRun, Stage
from mixmae.preflight.data_sets import built_sets


class ListedPaths(Check):
    """Looks at every path of the data sets that have an ``ann_file``."""

    name: ClassVar[str] = 'listed paths'
    stage: ClassVar[Stage] = 'built'
    # Others open images.
    guards: ClassVar[bool] = True

    def run(self, planned: PlannedRun) -> Finding | None:
        """Compare."""
        assert planned.runner is not None
        count, errors = 0, []
        for one in built_sets(planned.runner):
            try:
                count += check_listed_paths(one.dataset)
            except AnnotationError as error:
                errors.append(str(error))
        if not count and not errors:
            return None
        return Finding(
            f'{count:,} paths of lists and annotations with their folders',
            tuple(dict.fromkeys(errors)),
        )
