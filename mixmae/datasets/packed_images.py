"""Dataset of images in tar files; samplers shuffle it like a folder."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy import ndarray

from mixmae.datasets.image_set import ImageSet
from mixmae.datasets.packed.sample_table import (
    INDEX,
    JOURNAL,
    Sample,
    SampleTable,
    read_table,
)
from mixmae.datasets.packed.shards import ShardReader
from mixmae.datasets.packed.tar_listing import list_tars
from mixmae.deprecation import renamed_arguments
from mixmae.registry import DATASETS


@DATASETS.register_module()
class PackedImages(ImageSet):
    """Images in shards of ``mixmae pack``, or any tars.

    Each image is read by its offset, so shuffling, exact resume and fallback
    samples work as for a folder of files. With the same files in the same
    order (not shrunk), a run sees identical samples. ``img_path`` is the name
    of the shard, a slash, and the name inside the shard; ``img_bytes`` is the
    encoded image, which ``LoadImage`` decodes.

    Fallback samples replace corrupt images, see ``ImageSet``: images of a
    missing shard, images beyond the end of a truncated shard, and images whose
    CRC-32 differs from the packed one (``wrong checksum``). The CRC-32 is
    compared on every read.

    Args:
        data_root: A folder of ``mixmae pack``; or one with tar files from any
            source (WebDataset's, with labels in ``.cls`` files, or plain
            ones), at any depth; or a tar file. For tars from other sources,
            ``list_tars`` describes where the listing is cached.
        data_prefix: A folder below ``data_root`` to use instead of it.
        pipeline: Configs of transforms; the loading transform must be
            ``LoadImage`` or another of this package.
        with_label: Whether to return ``gt_label``, for example for
            fine-tuning. The classes of class folders are in ``metainfo``.
        verify_checksums: Whether to compare the CRC-32 of images.
        others: See ``ImageSet``, except ``serialize_data``.

    Raises:
        FileNotFoundError: ``data_root`` does not exist.
        ValueError: The index is damaged, packing was not completed, there are
            no tars or no images in them, or ``with_label`` is set and some
            images have no label.
    """

    METAINFO = {'dataset_type': 'packed_images'}

    @renamed_arguments(check_sums='verify_checksums')
    def __init__(
        self,
        data_root: str,
        data_prefix: str = '',
        pipeline: Sequence[dict | Callable] = (),
        with_label: bool = False,
        verify_checksums: bool = True,
        **others: Any,
    ) -> None:
        if not data_root:
            raise ValueError(
                'PackedImages needs data_root, a folder of shards or a tar '
                'file'
            )
        self.with_label = with_label
        self.verify_checksums = verify_checksums
        self._reader: ShardReader | None = None
        paths = dict(
            data_root=os.path.expanduser(data_root),
            data_prefix={'img_path': data_prefix},
        )
        # A SampleList is already compact.
        super().__init__(paths, pipeline, serialize_data=False, **others)

    def load_data_list(self) -> SampleList:
        """Return all samples except the excluded ones."""
        place = self.data_prefix['img_path'].rstrip('/') or '/'
        if not os.path.exists(place):
            raise FileNotFoundError(
                f'the folder of shards {place} does not exist (absolute: '
                f'{os.path.abspath(place)})'
            )
        folder = os.path.dirname(place) if os.path.isfile(place) else place
        table, index = table_of(place)
        _compare_sizes(folder, table)
        if self.with_label and not table.labelled:
            raise ValueError(
                f'with_label=True, but images in {place} have no labels; pack '
                'class folders or a list with labels, or use tars with a .cls '
                'file next to each image'
            )
        if table.classes is not None:
            self._metainfo.setdefault('classes', table.classes)
        self._reader = ShardReader(folder, table.shards, self.verify_checksums)
        samples = SampleList(folder, table, index, self.with_label)
        if not self.exclude:
            return samples
        paths = (info['img_path'] for info in samples)
        return samples.take(self._kept(paths, folder))

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Return name, index and label of an image, without its bytes."""
        if not self._fully_initialized:
            self.full_init()
        # Created on each call, so MMEngine's deep copy is not needed.
        number = idx if idx >= 0 else len(self) + idx
        return self.data_list[idx] | dict(sample_idx=number)

    def read_sample(self, index: int) -> dict[str, Any]:
        """Return the pipeline's input for an image, including its bytes."""
        info = self.get_data_info(index)
        assert self._reader is not None
        sample = self.data_list.sample(int(index))
        return info | dict(img_bytes=self._reader.read(sample))

    def get_cat_ids(self, idx: int) -> list[int]:
        """Return the class of an image, for class-balancing wrappers."""
        return [self.get_data_info(idx)['gt_label']]

    def _get_unserialized_subset(
        self, indices: int | Sequence[int]
    ) -> SampleList:
        if isinstance(indices, int):
            chosen = slice(indices) if indices >= 0 else slice(indices, None)
            return self.data_list[chosen]
        return self.data_list.take(indices)


def table_of(place: str) -> tuple[SampleTable, str | None]:
    """Return the samples of a folder or tar, and the file of the index."""
    index = os.path.join(place, INDEX)
    if os.path.isfile(index):
        return read_table(index), index
    if os.path.isfile(os.path.join(place, JOURNAL)):
        raise ValueError(
            f'{place} is incomplete: mixmae pack was interrupted; run the '
            'same command again'
        )
    return list_tars(place)


def _compare_sizes(folder: str, table: SampleTable) -> None:
    """Warn at startup about missing or truncated shards."""
    odd = []
    for shard in table.shards:
        try:
            size = os.stat(os.path.join(folder, shard.name)).st_size
        except OSError as error:
            odd.append(f'{shard.name} ({error.strerror})')
            continue
        if size != shard.size:
            odd.append(f'{shard.name} ({size:,} of {shard.size:,} bytes)')
    if odd:
        more = f' and {len(odd) - 5} more' if len(odd) > 5 else ''
        print_log(
            f'{len(odd)} of {len(table.shards)} shards in {folder} are '
            'missing or have changed their size since packing: '
            f'{", ".join(odd[:5])}{more}; unreadable images count as corrupt',
            logger='current',
            level=logging.WARNING,
        )


@dataclass(eq=False)
class SampleList:
    """Samples of a table, in any order; replaces a list of dicts.

    Forked workers share its arrays; pickling, for spawned workers, stores
    only the name of the index.

    Attributes:
        folder: Folder of the shards.
        table: Table of all samples.
        index: File that the table was read from; None if there is none.
        with_label: Whether to return ``gt_label``.
        rows: Rows of the table, int64 (samples,); None for all.
    """

    folder: str
    table: SampleTable
    index: str | None
    with_label: bool
    rows: ndarray | None = None

    def __len__(self) -> int:
        return len(self.table) if self.rows is None else len(self.rows)

    def __getitem__(self, index: int | slice) -> Any:
        """Return ``dict(img_path=...)`` of a sample, or a list of several."""
        if isinstance(index, slice):
            return self.take(range(len(self))[index])
        row = self._row(index)
        info = dict(img_path=os.path.join(self.folder, self.table.path(row)))
        if self.with_label:
            return info | dict(gt_label=int(self.table.columns['label'][row]))
        return info

    def __iter__(self) -> Iterator[dict]:
        return (self[index] for index in range(len(self)))

    def sample(self, index: int) -> Sample:
        """Return the location of sample ``index`` of this list."""
        return self.table.sample(self._row(index))

    def take(self, indices: Sequence[int]) -> SampleList:
        """Return a list of the samples at these indices."""
        chosen = np.asarray(indices, np.int64)
        if self.rows is not None:
            chosen = self.rows[chosen]
        return replace(self, rows=chosen)

    def _row(self, index: int) -> int:
        place = range(len(self))[index]
        return place if self.rows is None else int(self.rows[place])

    def __deepcopy__(self, memo: dict) -> SampleList:
        # The list is immutable.
        return self

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if self.index is not None:
            state['table'] = _stamp(self.index)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.index is None:
            return
        if _stamp(self.index) != state['table']:
            raise ValueError(
                f'the index {self.index} was replaced during the start of the '
                'run; start the run again'
            )
        self.table = read_table(self.index)


def _stamp(index: str) -> tuple[int, int]:
    """Return values that change when a file is replaced."""
    about = os.stat(index)
    return about.st_size, about.st_mtime_ns
