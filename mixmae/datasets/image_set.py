"""Base class of image datasets: batched pipeline, fallback samples."""

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from mixmae.datasets.corrupt.corrupt_file_list import excluded_paths
from mixmae.datasets.corrupt.corrupt_files import CorruptFiles
from mixmae.datasets.transforms.batched_transforms import BatchedPipeline
from mixmae.deprecation import renamed_arguments
from mixmae.registry import TRANSFORMS


class ImageSet(BaseDataset):
    """Image dataset in which fallback samples replace corrupt images.

    An image is corrupt if reading it or the pipeline raises
    ``CorruptImageError``. It is logged and counted once; from then on a fixed
    fallback sample replaces it. ``CorruptFiles`` chooses the fallback sample
    and raises if too many files are corrupt; ``CorruptFilesHook`` lists them
    in the work folder.

    Subclasses implement ``load_data_list``, which returns one dict with
    ``img_path`` per image. If that is not the path of a file, ``read_sample``
    adds ``img_bytes``.

    Args:
        paths: Arguments of MMEngine's ``BaseDataset`` that say where the
            images are.
        pipeline: Configs of transforms, or transforms.
        max_corrupt_ratio: Largest share of corrupt images, 0 to 1; see
            ``CorruptFiles``. None = that of ``CorruptFilesHook``.
        exclude: One or several lists of images to leave out, as written by
            ``mixmae check-data`` and earlier runs; their paths are absolute,
            or relative to the data set's folder. The other images keep their
            order. A run is resumed with the lists that it started with.
        metainfo, indices, serialize_data, test_mode, lazy_init: As in
            ``BaseDataset``.
    """

    # Each name of a list, as it is read; see ``check_listed_paths``.
    checks_paths = True

    @renamed_arguments(max_broken_share='max_corrupt_ratio')
    def __init__(
        self,
        paths: dict[str, Any],
        pipeline: Sequence[dict | Callable] = (),
        max_corrupt_ratio: float | None = None,
        exclude: str | Sequence[str] = (),
        metainfo: dict | None = None,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        test_mode: bool = False,
        lazy_init: bool = False,
    ) -> None:
        self.max_corrupt_ratio = max_corrupt_ratio
        self.exclude = (exclude,) if isinstance(exclude, str) else (*exclude,)
        self._forget(0)
        # From our registry, so that 'LoadImage' is found in any scope.
        steps = [
            one if callable(one) else TRANSFORMS.build(one) for one in pipeline
        ]
        super().__init__(
            pipeline=steps,
            metainfo=metainfo,
            indices=indices,
            serialize_data=serialize_data,
            test_mode=test_mode,
            lazy_init=lazy_init,
            **paths,
        )

    def full_init(self) -> None:
        """List the images, once."""
        if self._fully_initialized:
            return
        super().full_init()
        self._forget(len(self))

    def get_subset_(self, indices: Sequence[int] | int) -> None:
        """Keep only these images; forget which ones were corrupt."""
        super().get_subset_(indices)
        self._forget(len(self))

    def get_subset(self, indices: Sequence[int] | int) -> BaseDataset:
        """Return a subset, with a new count of corrupt images."""
        subset = super().get_subset(indices)
        subset._forget(len(subset))
        return subset

    def read_sample(self, index: int) -> dict[str, Any]:
        """Return the pipeline's input for an image.

        Raises:
            CorruptImageError: The image cannot be read.
        """
        return self.get_data_info(index)

    def prepare_data(self, idx: int) -> Any:
        """Return an image after the pipeline."""
        return self.pipeline(self.read_sample(idx))

    def __getitem__(self, idx: int) -> dict:
        """Return image ``idx`` after the pipeline, or its fallback sample.

        ``img_path`` and ``sample_idx`` are those of the returned image.
        """
        if not self._fully_initialized:
            self.full_init()
        count = len(self)
        if not -count <= idx < count:
            raise IndexError(f'index {idx} is out of range for {count} images')
        return self.corrupt_files.deliver(idx, self._prepare)

    def __getitems__(self, indices: Sequence[int]) -> list[dict]:
        """Return several samples in less time; torch's loaders fetch batches.

        If the pipeline allows it (see ``BatchedPipeline``), images pass
        through it together. Corrupt images and special cases are processed
        one by one, as are all images of a subclass that overrides
        ``__getitem__`` or ``prepare_data``.
        """
        if not self._fully_initialized:
            self.full_init()
        staged = BatchedPipeline.of(self.pipeline.transforms)
        kind = type(self)
        if (
            staged is None
            or kind.__getitem__ is not ImageSet.__getitem__
            or kind.prepare_data is not ImageSet.prepare_data
        ):
            return [self[index] for index in indices]
        found = staged.run(indices, self._read_sound)
        return [
            self[index] if data is None else data
            for index, data in zip(indices, found, strict=True)
        ]

    def _read_sound(self, index: int) -> dict[str, Any] | None:
        """Return ``read_sample``, or None for a known corrupt image."""
        if (
            not 0 <= index < self.corrupt_files.count
            or self.corrupt_files.knows(index)
        ):
            return None
        return self.read_sample(index)

    def _prepare(self, index: int) -> dict:
        data = self.prepare_data(index)
        if data is None:
            raise ValueError(
                f'the pipeline of {type(self).__name__} returned None for '
                f'{self.get_data_info(index)["img_path"]}; transforms '
                'must return the results'
            )
        return data

    def _forget(self, count: int) -> None:
        self.corrupt_files = CorruptFiles(count)
        if self.max_corrupt_ratio is not None:
            self.corrupt_files.limit(self.max_corrupt_ratio)

    def _kept(self, paths: Iterable[str], folder: str) -> list[int]:
        """Return the indices of the paths that ``exclude`` does not name.

        Args:
            paths: Paths of all images.
            folder: Base folder of relative paths in the lists.

        Raises:
            ValueError: No image is left.
        """
        listed = excluded_paths(self.exclude, folder)
        absolute = [os.path.abspath(path) for path in paths]
        kept = [i for i, path in enumerate(absolute) if path not in listed]
        left_out = len(absolute) - len(kept)
        lists = ', '.join(self.exclude)
        if not kept:
            raise ValueError(f'exclude={lists} excludes all {left_out} files')
        if listed and not left_out:
            print_log(
                f'none of the {len(listed)} files listed in {lists} is among '
                'the images; relative paths start from '
                f'{os.path.abspath(folder)}',
                logger='current',
                level=logging.WARNING,
            )
        return kept
