"""A data set of images that lie in an LMDB."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.image_set import ImageSet
from mixmae.datasets.packed.lmdb_reader import LmdbReader, read_key_list
from mixmae.fileio.safe_path import UnsafePathError, path_fault
from mixmae.registry import DATASETS


@DATASETS.register_module()
class LmdbImages(ImageSet):
    """Images that an LMDB holds under a key each, as encoded files.

    That is how MMEngine's LMDB backend and many scripts write them: the key
    is a name, the value a JPEG (or another format that ``LoadImage`` reads).
    ``img_path`` is the name of the database, a slash, and the key; the
    encoded image is in ``img_bytes``, which ``LoadImage`` takes. Images that
    cannot be used are borne, see ``ImageSet``.

    It needs ``pip install lmdb``. To pack images anew, take pack.py: its
    shards have sums, and ordinary tools read them.

    Args:
        data_root: the database: a folder with ``data.mdb``, or a file.
        ann_file: a text file that names the keys to use, in its order, one a
            line, or one and a label, as in ``cat/01 3``. If labels are not
            asked for, a line is taken whole if that is a key, else a number
            at its end is left out. Without a list all keys are used, in the
            order of the database, but for such as ``__len__`` and
            ``__keys__``, by which scripts note what is in it.
        pipeline: configs of transforms; the one that loads must be
            ``LoadImage`` or another of this package.
        with_label: whether ``gt_label``, from ``ann_file``, is given.
        max_broken_share: of all images, 0 to 1; see ``CorruptFiles``.
        exclude: a list, or some, of images to leave out, such as a run's
            bad_files.txt.
        metainfo, indices, serialize_data, test_mode, lazy_init: as in
            MMEngine's ``BaseDataset``.

    Raises:
        FileNotFoundError: there is no database or list.
        ValueError: the package ``lmdb`` is not installed; it is no LMDB, or
            an empty one; a key is no name of a file below a folder, see
            ``path_fault``; labels are asked for and the list has none.
    """

    METAINFO = {'dataset_type': 'lmdb_images'}

    def __init__(
        self,
        data_root: str,
        ann_file: str = '',
        pipeline: Sequence[dict | Callable] = (),
        with_label: bool = False,
        max_broken_share: float = 0.01,
        exclude: str | Sequence[str] = (),
        metainfo: dict | None = None,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        test_mode: bool = False,
        lazy_init: bool = False,
    ) -> None:
        if with_label and not ann_file:
            raise ValueError(
                'with_label=True needs ann_file, a list of keys with labels: '
                'an LMDB of images holds none'
            )
        self.with_label = with_label
        self._reader = LmdbReader(os.path.expanduser(data_root))
        super().__init__(
            pipeline=pipeline,
            max_broken_share=max_broken_share,
            exclude=exclude,
            metainfo=metainfo,
            ann_file=ann_file and os.path.expanduser(ann_file),
            indices=indices,
            serialize_data=serialize_data,
            test_mode=test_mode,
            lazy_init=lazy_init,
        )

    def load_data_list(self) -> list[dict]:
        """Keys and, if asked for, labels."""
        labels: list[int] | None = None
        if self.ann_file:
            keys, labels = read_key_list(self.ann_file, self.with_label)
            if labels is None:
                keys = self._reader.without_labels(keys)
        else:
            keys = self._reader.keys()
        infos: list[dict] = []
        for index, key in enumerate(keys):
            info: dict[str, Any] = dict(img_path=self._path(key), lmdb_key=key)
            if labels is not None:
                info['gt_label'] = labels[index]
            infos.append(info)
        if not self.exclude:
            return infos
        paths = [info['img_path'] for info in infos]
        kept = self._kept(paths, self._reader.path)
        return [infos[index] for index in kept]

    def read_sample(self, index: int) -> dict[str, Any]:
        """What the pipeline is given for an image: its bytes among it."""
        info = self.get_data_info(index)
        data = self._reader.read(info.pop('lmdb_key'))
        if data is None:
            raise CorruptImageError(info['img_path'], 'missing', 'no such key')
        if not data:
            raise CorruptImageError(info['img_path'], 'empty')
        return info | dict(img_bytes=data)

    def get_cat_ids(self, idx: int) -> list[int]:
        """The class of an image, for wrappers that balance classes."""
        return [self.get_data_info(idx)['gt_label']]

    def _path(self, key: bytes) -> str:
        """A key as a path, for messages and lists; no file has it."""
        name = key.decode('utf-8', 'surrogateescape')
        fault = path_fault(name)
        if fault is not None:
            raise UnsafePathError(f'the LMDB {self._reader.path}: {fault}')
        return os.path.join(self._reader.path, name)
