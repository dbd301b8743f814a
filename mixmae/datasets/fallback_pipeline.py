"""Fallback samples for corrupt images in datasets of other libraries."""

from collections.abc import Iterator, Sequence
from typing import Any

from mixmae.datasets.corrupt.corrupt_files import CorruptFiles
from mixmae.datasets.transforms.load_image import LoadImage


class FallbackPipeline:
    """Pipeline that uses a fallback sample where the image is corrupt.

    Replaces ``dataset.pipeline`` of MMEngine's ``BaseDataset`` and its
    subclasses, including mmpretrain's. A fallback sample has its own label.

    Args:
        dataset: Dataset that provides the fallback samples.
        corrupt_files: Record of its corrupt files.
    """

    def __init__(self, dataset: Any, corrupt_files: CorruptFiles) -> None:
        self.dataset = dataset
        self.pipeline = dataset.pipeline
        self.corrupt_files = corrupt_files

    @property
    def transforms(self) -> Sequence:
        """Transforms of the wrapped pipeline."""
        return self.pipeline.transforms

    def __call__(self, results: dict) -> dict | None:
        """Apply the pipeline to ``results`` or to its fallback sample."""
        asked = results['sample_idx']

        def prepare(index: int) -> dict | None:
            if index != asked:
                return self.pipeline(self.dataset.get_data_info(index))
            return self.pipeline(results)

        return self.corrupt_files.deliver(asked, prepare)


def image_sets(dataset: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the datasets below wrappers that load images by ``LoadImage``.

    Args:
        dataset: A dataset, or a wrapper (concatenated, repeated).
        name: Name of the dataset; parts of a concatenation are called
            name.0, name.1 and so on.

    Yields:
        Names and datasets.
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
    """Return the image loader of a dataset if it is a ``LoadImage``."""
    pipeline = getattr(dataset, 'pipeline', None)
    if not hasattr(dataset, 'get_data_info'):
        return None
    transforms = getattr(pipeline, 'transforms', ())
    return next((t for t in transforms if isinstance(t, LoadImage)), None)


def tolerate_corrupt_files(dataset: Any, max_ratio: float) -> CorruptFiles:
    """Make a dataset tolerate corrupt files, if it does not already.

    Args:
        dataset: One of ``image_sets``.
        max_ratio: See ``CorruptFiles``; a dataset that already tolerates
            corrupt files keeps its own share.
    """
    known = getattr(dataset, 'corrupt_files', None)
    if isinstance(known, CorruptFiles):
        return known
    if not isinstance(dataset.pipeline, FallbackPipeline):
        corrupt_files = CorruptFiles(len(dataset), max_ratio)
        dataset.pipeline = FallbackPipeline(dataset, corrupt_files)
    return dataset.pipeline.corrupt_files
