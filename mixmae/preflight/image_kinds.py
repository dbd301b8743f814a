"""Check that the images of a run are of a kind that is decoded."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.fallback_pipeline import image_sets, loader_of
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.preflight.check import Check, Finding, PlannedRun

# Images of each data set that are read, evenly spread over it.
SAMPLE = 8
# Seconds after which no further one is read.
PATIENCE = 3.0
LOADERS = {'train': ('train', 'val'), 'test': ('test',)}


@dataclass
class _Looked:
    """What was found in some images of a data set."""

    count: int = 0
    refused: list[str] = field(default_factory=list)
    warned: dict[str, str] = field(default_factory=dict)


class ImageKinds(Check):
    """Some images of each data set are read before the run.

    If half of them or more are sound files that cannot become 8-bit RGB, so
    are most of the others, and the run does not start: another image would
    take the place of each. What a loader warns of is in the log, and data
    sets whose loaders decode by other settings are an error. Files that are
    missing or damaged are left to the run.
    """

    name = 'image kinds'
    stage = 'built'

    def run(self, planned: PlannedRun) -> Finding | None:
        """Read some images of the data sets that load by ``LoadImage``."""
        decodings: dict[str, ImageDecoding] = {}
        compared: list[str] = []
        errors: list[str] = []
        warned: list[str] = []
        for name, dataset in _data_sets(planned):
            loader = loader_of(dataset)
            if loader is None or not len(dataset):
                continue
            decodings[name] = loader.decoding
            looked = _look(dataset, loader.load)
            compared.append(f'{looked.count} images of {name} read')
            refused = looked.refused
            if refused:
                found = (
                    f'{name}: {len(refused)} of {looked.count} images that '
                    f'were read are unsupported: {refused[0]}'
                )
                systematic = 2 * len(refused) >= looked.count
                (errors if systematic else warned).append(found)
            warned += [
                f'{name}, {path}: {text}'
                for text, path in looked.warned.items()
            ]
        if not compared:
            return None
        return Finding(
            ', '.join(compared),
            (*_differences(decodings), *errors),
            tuple(warned),
        )


def _data_sets(planned: PlannedRun) -> Iterator[tuple[str, Any]]:
    runner = planned.runner
    for name in LOADERS[planned.mode]:
        loader = getattr(runner, f'{name}_dataloader', None)
        dataset = getattr(loader, 'dataset', None)
        if dataset is not None:
            yield from image_sets(dataset, name)


def _look(dataset: Any, load: Any) -> _Looked:
    looked = _Looked()
    count = len(dataset)
    end = time.monotonic() + PATIENCE
    chosen = {i * (count - 1) // max(1, SAMPLE - 1) for i in range(SAMPLE)}
    # Images that are no files by themselves are read by their data set.
    read = getattr(dataset, 'read_sample', dataset.get_data_info)
    for index in sorted(chosen):
        if looked.count and time.monotonic() > end:
            break
        looked.count += 1
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter('always')
            try:
                results = read(index)
                path = results['img_path']
                load(path, results.get('img_bytes'))
            except CorruptImageError as error:
                if error.cause == 'unsupported':
                    looked.refused.append(str(error))
                continue
        for one in said:
            if issubclass(one.category, UserWarning):
                looked.warned.setdefault(str(one.message), path)
    return looked


def _differences(decodings: dict[str, ImageDecoding]) -> list[str]:
    """Data sets that are not decoded as the first one is."""
    if not decodings:
        return []
    first, expected = next(iter(decodings.items()))
    return [
        f'{name} reads images by {found}, {first} by {expected}: give '
        f'background, extra_band and value_range to the loading transforms '
        f'of both pipelines alike'
        for name, found in decodings.items()
        if found != expected
    ]
