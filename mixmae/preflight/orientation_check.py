"""Check of size and EXIF orientation of detection images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.dataset import BaseDataset

from mixmae.datasets.labels.label_fault import LabelFault, condensed
from mixmae.datasets.labels.labelled_sizes import (
    UPRIGHT,
    LabelledSize,
    read_oriented_size,
    size_faults,
)
from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.preflight.data_sets import built_sets, finding, sampled

# Per split.
SECONDS = 2.0
MOST_IMAGES = 2000


class ImageOrientation(Check):
    """Compares size and orientation of image files with annotations."""

    name = 'rotated photos'
    stage = 'built'

    def run(self, planned: PlannedRun) -> Finding | None:
        """Read the headers of a sample of the images of each split."""
        faults: list[LabelFault] = []
        compared = []
        for built in built_sets(planned):
            sizes = list(_sizes(built.dataset))
            if not sizes:
                continue
            turned = sum(one.oriented.orientation != UPRIGHT for one in sizes)
            compared.append(
                f'{built.split}: sizes of {len(sizes):,} of '
                f'{len(built.dataset):,} images, {turned:,} rotated by EXIF'
            )
            applied = applies_orientation(built.dataset)
            found = size_faults(f'the {built.split} data', sizes, applied)
            faults += condensed(found)
        return finding('; '.join(compared), faults) if compared else None


def applies_orientation(dataset: Any) -> bool:
    """Return True if a data set's pipeline applies the EXIF orientation."""
    for step in getattr(dataset.pipeline, 'transforms', ()):
        flag = getattr(step, 'color_type', None)
        if isinstance(flag, str):
            return 'unchanged' not in flag and 'ignore' not in flag
    return True


def _sizes(dataset: BaseDataset) -> Iterator[LabelledSize]:
    for info in sampled(dataset, MOST_IMAGES, SECONDS):
        if not {'width', 'height', 'img_path', 'instances'} <= set(info):
            return
        oriented = read_oriented_size(info['img_path'])
        if oriented is not None:
            size = (info['width'], info['height'])
            yield LabelledSize(info['img_path'], oriented, size)
