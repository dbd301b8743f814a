"""Lets data sets of other libraries bear broken images."""

from collections.abc import Iterator, Sequence
from typing import Any

from mixmae.datasets.corrupt.corrupt_files import CorruptFiles
from mixmae.datasets.transforms.load_image import LoadImage


class FallbackPipeline:
    """Calls a pipeline, for another sample where the image is broken.

    Takes the place of ``dataset.pipeline`` of MMEngine's ``BaseDataset`` and
    its children, mmpretrain's among them. A stand-in brings its own label.

    Args:
        dataset: the data set, which is asked for stand-ins.
        broken: what is known of its files.
    """

    def __init__(self, dataset: Any, broken: CorruptFiles) -> None:
        self.dataset = dataset
        self.pipeline = dataset.pipeline
        self.broken = broken

    @property
    def transforms(self) -> Sequence:
        """Those of the pipeline."""
        return self.pipeline.transforms

    def __call__(self, results: dict) -> dict | None:
        """What the pipeline makes of ``results``, or of the stand-in."""
        asked = results['sample_idx']

        def prepare(index: int) -> dict | None:
            if index != asked:
                return self.pipeline(self.dataset.get_data_info(index))
            return self.pipeline(results)

        return self.broken.deliver(asked, prepare)


def image_sets(dataset: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The data sets below wrappers that load images by ``LoadImage``.

    Args:
        dataset: a data set or a wrapper of some (concatenated, repeated).
        name: of it; parts of a concatenation are name.0, name.1 and so on.

    Yields:
        Names and data sets.
    """
    parts = getattr(dataset, 'datasets', None)
    inner = getattr(dataset, 'dataset', None)
    if isinstance(parts, (list, tuple)):
        for index, part in enumerate(parts):
            yield from image_sets(part, f'{name}.{index}')
    elif inner is not None:
        yield from image_sets(inner, name)
    elif loader_of(dataset) is not None:
        yield name, dataset


def loader_of(dataset: Any) -> LoadImage | None:
    """The transform by which a data set loads its images, if it is ours."""
    pipeline = getattr(dataset, 'pipeline', None)
    if not hasattr(dataset, 'get_data_info'):
        return None
    transforms = getattr(pipeline, 'transforms', ())
    return next((t for t in transforms if isinstance(t, LoadImage)), None)


def bear_broken(dataset: Any, max_share: float) -> CorruptFiles:
    """Lets a data set bear broken files, if it does not yet.

    Args:
        dataset: one of ``image_sets``.
        max_share: see ``CorruptFiles``; a data set that bears them by itself
            has its own.
    """
    known = getattr(dataset, 'broken', None)
    if isinstance(known, CorruptFiles):
        return known
    if not isinstance(dataset.pipeline, FallbackPipeline):
        broken = CorruptFiles(len(dataset), max_share)
        dataset.pipeline = FallbackPipeline(dataset, broken)
    return dataset.pipeline.broken
