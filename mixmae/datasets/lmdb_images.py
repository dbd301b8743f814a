"""Dataset of images in an LMDB: keys are names, values encoded images."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.image_set import ImageSet
from mixmae.fileio.safe_path import UnsafePathError, path_fault, regular_file
from mixmae.fileio.shown_text import escape
from mixmae.registry import DATASETS

try:
    import lmdb
# Only the LMDB dataset needs it.
except ImportError:
    lmdb = None  # type: ignore[assignment]

LABELLED = re.compile(rb'(.*\S)\s+([0-9]+)')
# Metadata keys that scripts write in addition to the images: `__len__`, ...
NOTE = re.compile(rb'__\w+__')
# Largest fraction of the pages of a complete database missing in the file.
UNWRITTEN = 0.01
# LMDB allows a database to be opened once per process: cache by path.
_open: dict[str, Any] = {}


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
        others: See ``ImageSet``.

    Raises:
        FileNotFoundError: The database or the list does not exist.
        ValueError: The package ``lmdb`` is not installed, the file is not an
            LMDB or is empty, a key is not the name of a file below a folder
            (see ``path_fault``), or labels are requested and the list has
            none.
    """

    METAINFO = {'dataset_type': 'lmdb_images'}

    def __init__(
        self,
        data_root: str,
        ann_file: str = '',
        pipeline: Sequence[dict | Callable] = (),
        with_label: bool = False,
        **others: Any,
    ) -> None:
        if with_label and not ann_file:
            raise ValueError(
                'with_label=True needs ann_file, a list of keys with labels, '
                'because an LMDB of images has no labels'
            )
        self.with_label = with_label
        self._reader = LmdbReader(os.path.expanduser(data_root))
        paths = dict(ann_file=ann_file and os.path.expanduser(ann_file))
        super().__init__(paths, pipeline, **others)

    def load_data_list(self) -> list[dict]:
        """Return keys and, if requested, labels."""
        labels: list[int] | None = None
        if self.ann_file:
            keys, labels = read_key_list(self.ann_file, self.with_label)
            if labels is None:
                keys = self._reader.without_labels(keys)
        else:
            keys = self._reader.keys()
        infos: list[dict[str, Any]] = [
            dict(img_path=self._path(key), lmdb_key=key) for key in keys
        ]
        for info, label in zip(infos, labels or ()):
            info['gt_label'] = label
        if self.exclude:
            paths = [info['img_path'] for info in infos]
            kept = self._kept(paths, self._reader.path)
            infos = [infos[index] for index in kept]
        return infos

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


class LmdbReader:
    """Values of a database, by key; ``path`` as ``data_root`` above.

    Each process opens the database on first use. LMDB forbids both the use of
    a database opened before a fork and reopening it after the fork, so a
    process closes it before forking. Pickling stores only the path.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def read(self, key: bytes) -> bytes | None:
        """Return the value of a key; None if it does not exist."""
        with self._database().begin() as transaction:
            return transaction.get(key)

    def without_labels(self, lines: list[bytes]) -> list[bytes]:
        """Return the keys of lines that may end in a label.

        A line that is itself a key is used as it is, even if it ends in a
        number.
        """
        keys = []
        with self._database().begin() as transaction:
            # Looks up keys without reading their values.
            cursor = transaction.cursor()
            for line in lines:
                found = LABELLED.fullmatch(line)
                if found and not cursor.set_key(line):
                    line = found[1] if cursor.set_key(found[1]) else line
                keys.append(line)
        return keys

    def keys(self) -> list[bytes]:
        """Return all keys but metadata keys, in the order of the database.

        Raises:
            ValueError: There is no key.
        """
        with self._database().begin() as transaction:
            cursor = transaction.cursor()
            keys = [
                key
                for key in cursor.iternext(keys=True, values=False)
                if NOTE.fullmatch(key) is None
            ]
        if not keys:
            raise ValueError(f'the LMDB {self.path} has no image keys')
        return keys

    def _database(self) -> Any:
        path = os.path.realpath(self.path)
        if path not in _open:
            _open[path] = _opened(self.path)
        return _open[path]


def _close_all() -> None:
    while _open:
        _open.popitem()[1].close()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(before=_close_all)


def _opened(path: str) -> Any:
    if lmdb is None:
        raise ValueError(
            f'{path} needs the package lmdb, which is not installed: pip '
            'install lmdb'
        )
    if not os.path.exists(path):
        raise FileNotFoundError(
            f'the LMDB {path} does not exist (absolute: '
            f'{os.path.abspath(path)})'
        )
    folder = os.path.isdir(path)
    file = os.path.join(path, 'data.mdb') if folder else path
    try:
        # LMDB would block on a named pipe.
        with open(file, 'rb', opener=regular_file) as opened:
            size = os.fstat(opened.fileno()).st_size
    except OSError as error:
        raise ValueError(
            f'{path} is not a readable LMDB ({error.strerror}: {file})'
        ) from None
    try:
        database = lmdb.open(
            path,
            subdir=folder,
            readonly=True,
            create=False,
            # There are no writers, and folders may be read-only.
            lock=False,
            # Images are read in random order.
            readahead=False,
            meminit=False,
        )
    except lmdb.Error as error:
        raise ValueError(f'{path} is not a readable LMDB ({error})') from None
    # Reading beyond the end of the file would crash the process. In a
    # complete database a few free pages may never have been written.
    claimed = (database.info()['last_pgno'] + 1) * database.stat()['psize']
    if claimed - size > claimed * UNWRITTEN:
        database.close()
        raise ValueError(
            f'{path} is not a readable LMDB (it claims {claimed:,} bytes, but '
            f'{file} has {size:,}: it is truncated)'
        )
    return database


def read_key_list(
    listing: str, with_label: bool
) -> tuple[list[bytes], list[int] | None]:
    """Return the keys named by a list, and their labels if requested.

    Without labels it returns whole lines: only the database can tell which
    part of a line is the key.

    Raises:
        FileNotFoundError: The list does not exist.
        ValueError: The list is empty, or a line has no label; names it.
    """
    path = Path(listing)
    if not path.is_file():
        raise FileNotFoundError(f'the list of keys {path} does not exist')
    keys: list[bytes] = []
    labels: list[int] = []
    for number, line in enumerate(path.read_bytes().split(b'\n'), 1):
        line = line.strip()
        if not line or line.startswith(b'#'):
            continue
        if not with_label:
            keys.append(line)
            continue
        found = LABELLED.fullmatch(line)
        if found is None:
            text = escape(line[:200].decode('utf-8', 'surrogateescape'))
            raise ValueError(
                f'{path}, line {number}: {text} is not a key and a label'
            )
        keys.append(found[1])
        labels.append(int(found[2]))
    if not keys:
        raise ValueError(f'{path} has no keys; expected one per line')
    return keys, labels if with_label else None
