"""Dataset of images in an LMDB: keys are names, values encoded images."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.image_set import ImageSet
from mixmae.datasets.packed.lmdb_reader import LmdbReader, read_key_list
from mixmae.deprecation import renamed_arguments
from mixmae.fileio.safe_path import UnsafePathError, path_fault
from mixmae.registry import DATASETS


@DATASETS.register_module()
class LmdbImages(ImageSet):
    """Encoded image files that are the values of an LMDB.

    This is the format of MMEngine's LMDB backend and of many scripts: the key
    is a name, the value a JPEG (or another format that ``LoadImage`` reads).
    ``img_path`` is the name of the database, a slash, and the key;
    ``img_bytes`` is the encoded image, which ``LoadImage`` decodes.
    Fallback samples replace corrupt images, see ``ImageSet``.

    Requires ``pip install lmdb``. To pack images from scratch, use ``mixmae
    pack``: its shards have checksums, and ordinary tools read them.

    Args:
        data_root: The database: a folder with ``data.mdb``, or a file.
        ann_file: A text file with the keys to use, in order, one per line,
            optionally followed by a label, as in ``cat/01 3``. Without
            ``with_label``, a line that is a key is used as it is; otherwise a
            number at its end is ignored. Without a file all keys are used, in
            the order of the database, except for metadata keys such as
            ``__len__`` and ``__keys__``.
        pipeline: Configs of transforms; the loading transform must be
            ``LoadImage`` or another of this package.
        with_label: Whether to return ``gt_label``, from ``ann_file``.
        max_corrupt_ratio: Largest share of corrupt images, 0 to 1; see
            ``CorruptFiles``. None = that of ``CorruptFilesHook``.
        exclude: One or several lists of images to leave out, such as
            corrupt_files.txt of a run.
        metainfo, indices, serialize_data, test_mode, lazy_init: As in
            MMEngine's ``BaseDataset``.

    Raises:
        FileNotFoundError: The database or the list does not exist.
        ValueError: The package ``lmdb`` is not installed, the file is not an
            LMDB or is empty, a key is not the name of a file below a folder
            (see ``path_fault``), or labels are requested and the list has
            none.
    """

    METAINFO = {'dataset_type': 'lmdb_images'}

    @renamed_arguments(max_broken_share='max_corrupt_ratio')
    def __init__(
        self,
        data_root: str,
        ann_file: str = '',
        pipeline: Sequence[dict | Callable] = (),
        with_label: bool = False,
        max_corrupt_ratio: float | None = None,
        exclude: str | Sequence[str] = (),
        metainfo: dict | None = None,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        test_mode: bool = False,
        lazy_init: bool = False,
    ) -> None:
        if with_label and not ann_file:
            raise ValueError(
                'with_label=True needs ann_file, a list of keys with labels, '
                'because an LMDB of images has no labels'
            )
        self.with_label = with_label
        self._reader = LmdbReader(os.path.expanduser(data_root))
        super().__init__(
            pipeline=pipeline,
            max_corrupt_ratio=max_corrupt_ratio,
            exclude=exclude,
            metainfo=metainfo,
            ann_file=ann_file and os.path.expanduser(ann_file),
            indices=indices,
            serialize_data=serialize_data,
            test_mode=test_mode,
            lazy_init=lazy_init,
        )

    def load_data_list(self) -> list[dict]:
        """Return keys and, if requested, labels."""
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
        """Return the pipeline's input for an image, including its bytes."""
        info = self.get_data_info(index)
        data = self._reader.read(info.pop('lmdb_key'))
        if data is None:
            raise CorruptImageError(info['img_path'], 'missing', 'no such key')
        if not data:
            raise CorruptImageError(info['img_path'], 'empty')
        return info | dict(img_bytes=data)

    def get_cat_ids(self, idx: int) -> list[int]:
        """Return the class of an image, for class-balancing wrappers."""
        return [self.get_data_info(idx)['gt_label']]

    def _path(self, key: bytes) -> str:
        """Return a key as a path for messages and lists; not a real file."""
        name = key.decode('utf-8', 'surrogateescape')
        fault = path_fault(name)
        if fault is not None:
            raise UnsafePathError(f'the LMDB {self._reader.path}: {fault}')
        return os.path.join(self._reader.path, name)
