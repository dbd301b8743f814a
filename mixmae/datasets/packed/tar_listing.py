"""Listing of the images in tar files from any source, by their headers."""

import hashlib
import json
import logging
import os
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from mmengine.logging import print_log

from mixmae.datasets.packed.sample_table import (
    Sample,
    SampleTable,
    Shard,
    read_table,
)
from mixmae.datasets.packed.shards import LABEL_SUFFIX
from mixmae.fileio.atomic_write import atomic_write
from mixmae.fileio.image_formats import SUFFIXES
from mixmae.fileio.image_listing import list_folder
from mixmae.fileio.listing_cache import (
    TIME_STEP_NS,
    is_sealed,
    seal,
    temporary_folder,
)
from mixmae.fileio.safe_path import path_fault, regular_file
from mixmae.fileio.shown_text import escape

SEAL = 'seal'
CACHE_FOLDER = 'mixmae-tar-index'
# Digits of any number of classes; a longer text is not a label.
MAX_LABEL = 16
ZEROS = bytes(tarfile.BLOCKSIZE)
# Larger than any file, and within int64.
LARGEST = 2**62


def list_tars(folder: str) -> tuple[SampleTable, str | None]:
    """List the images in all tar files of a folder, or in one tar file.

    Only headers are read, and only once: the table is cached next to the
    folder (in ``.NAME.mixmae_tars.npz``), or in the user's temporary folder if
    that location is not writable. It is valid until a tar is added, removed or
    changed. A cached table is trusted only if this user wrote it.

    An image is a member with an image suffix; as in WebDataset, a member of
    the same name with the suffix ``.cls`` is its label. Tars have no checksums
    of their members: a tar that ends early is noticed here, other damage when
    an image is decoded.

    Args:
        folder: Folder of the tars, at any depth, or a tar.

    Returns:
        The table, and its file (None if it is not cached).

    Raises:
        ValueError: There is no tar, a file is not an uncompressed tar, a name
            leads out of its folder, or there are no images.
    """
    root, names = _tars(folder)
    shards = [_shard(root, name) for name in names]
    places = [_beside(folder), _temporary(folder)]
    for place in filter(None, places):
        known = _known(place, shards)
        if known is not None:
            _warn(known)
            return known, place
    started = time.time_ns()
    _say(f'searching for images in {len(shards)} tar files of {folder}')
    tables, ends = [], []
    for shard in shards:
        path = os.path.join(root, shard.name)
        samples, complete = _images(path)
        tables.append(SampleTable.of([shard], samples))
        if not complete:
            ends.append(path)
    table = SampleTable.joined(tables)
    table.made.update(started=started, cut_off=ends)
    if not len(table):
        raise ValueError(
            f'no images in the {len(shards)} tar files of {folder}; searched '
            f'for names that end in {", ".join(SUFFIXES)} (case-insensitive)'
        )
    _warn(table)
    checksum = seal(_content(table))
    if checksum is None:
        return table, None
    table.made[SEAL] = checksum
    for place in filter(None, places):
        try:
            with atomic_write(place) as partial, partial.open('wb') as file:
                table.save(file)
        except OSError:
            continue
        _say(f'{len(table):,} images; their positions are cached in {place}')
        return table, place
    return table, None


def _say(text: str, level: int = logging.INFO) -> None:
    print_log(text, logger='current', level=level)


def _tars(folder: str) -> tuple[str, list[str]]:
    """Return the folder, and the names of the tars below it."""
    if os.path.isfile(folder):
        return os.path.dirname(folder), [os.path.basename(folder)]
    listing = list_folder(folder, ['.tar', '.tar.gz', '.tgz', '.tar.bz2'])
    for note in listing.notes():
        _say(f'{folder}: {note}', logging.WARNING)
    names = listing.files
    packed = [name for name in names if not name.lower().endswith('.tar')]
    if packed:
        raise ValueError(
            f'{os.path.join(folder, packed[0])} is compressed, so random '
            'access is not possible; decompress it (gunzip, bunzip2), images '
            'take about the same space'
        )
    if not names:
        raise ValueError(
            f'no shards in {os.path.abspath(folder)}: neither index.npz of '
            f'mixmae pack nor files that end in .tar'
        )
    return folder, names


def _shard(root: str, name: str) -> Shard:
    try:
        about = os.stat(os.path.join(root, name))
    except OSError as error:
        raise ValueError(
            f'{os.path.join(root, name)}: {error.strerror}; restore it, or '
            f'remove the link'
        ) from None
    return Shard(name, about.st_size, modified=about.st_mtime_ns)


def _warn(table: SampleTable) -> None:
    for path in table.made['cut_off']:
        _say(
            f'{escape(path)} is truncated or damaged; images after this point '
            'are not listed',
            logging.WARNING,
        )


def _known(place: str, shards: list[Shard]) -> SampleTable | None:
    """Return the cached table of the same tars, if there is one."""
    try:
        table = read_table(place)
    except (OSError, ValueError):
        return None
    if not is_sealed(_content(table), table.made.get(SEAL)):
        return None
    settled = table.made['started'] - TIME_STEP_NS
    same = list(table.shards) == shards and all(
        shard.modified <= settled for shard in shards
    )
    return table if same else None


def _content(table: SampleTable) -> bytes:
    """Return the bytes of a table that its checksum covers."""
    made = {key: table.made[key] for key in table.made if key != SEAL}
    text = json.dumps([table.shards, made], sort_keys=True)
    digest = hashlib.sha256(text.encode())
    names = table.names
    for array in (names.blob, names.ends, *table.columns.values()):
        digest.update(array.tobytes())
    return digest.digest()


def _beside(folder: str) -> str:
    path = Path(folder).resolve()
    return str(path.parent / f'.{path.name}.mixmae_tars.npz')


def _temporary(folder: str) -> str | None:
    """Return a private temporary location; None if there is none."""
    home = temporary_folder(CACHE_FOLDER)
    if home is None:
        return None
    name = hashlib.sha256(os.fsencode(Path(folder).resolve())).hexdigest()
    return str(home / f'{name}.npz')


class _BoundedFile:
    """File whose reads are limited to its remaining bytes.

    A short header may declare any size, which ``read`` would allocate.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """Read ``size`` bytes, or the remaining ones if fewer."""
        left = max(0, self._size - self.tell())
        return self._file.read(left if size < 0 else min(size, left))


def _images(path: str) -> tuple[list[Sample], bool]:
    """Return the images of a tar in order, and whether it is complete.

    Raises:
        ValueError: The file is not an uncompressed tar, or a name leads out
            of its folder.
    """
    images: list[tuple[str, int, int]] = []
    labels: dict[str, int] = {}
    complete = True
    with _opened(path) as raw, _listed(path, raw) as file:
        for member in _members(file):
            if member is None:
                complete = False
                break
            fault = path_fault(member.name)
            if fault is not None:
                raise ValueError(f'{path}: {fault}')
            if not member.isreg() or member.issparse():
                continue
            name = os.path.normpath(member.name)
            stem, suffix = os.path.splitext(name)
            if suffix.lower() == LABEL_SUFFIX:
                labels[stem] = _label(file, member)
            elif suffix.lower() in SUFFIXES and _shown(name):
                images.append((name, member.offset_data, member.size))
    return [
        Sample(0, name, at, size, None, labels.get(os.path.splitext(name)[0]))
        for name, at, size in images
    ], complete


def _opened(path: str) -> BinaryIO:
    try:
        return open(path, 'rb', opener=regular_file)
    except OSError as error:
        raise ValueError(f'{path}: {error.strerror}') from None


def _listed(path: str, raw: BinaryIO) -> tarfile.TarFile:
    try:
        return tarfile.open(path, 'r:', cast(BinaryIO, _BoundedFile(raw)))
    # tarfile raises arbitrary exceptions on invalid headers.
    except Exception as error:
        raise ValueError(
            f'{path} is not an uncompressed tar file ({error}); repair or '
            'remove it'
        ) from None


def _members(file: tarfile.TarFile) -> Iterator[tarfile.TarInfo | None]:
    """Yield members up to the end; None where the file is damaged."""
    raw = file.fileobj
    assert raw is not None
    place = -1
    while True:
        try:
            member = file.next()
        # tarfile raises arbitrary exceptions on invalid headers.
        except Exception:
            yield None
            return
        if member is None:
            break
        # Negative sizes would loop, others exceed any file system.
        if not 0 <= member.size < LARGEST or member.offset <= place:
            yield None
            return
        place = member.offset
        yield member
        # Otherwise tarfile keeps all headers in memory.
        file.members = []  # type: ignore[attr-defined]
    # tarfile stops silently at damage; a complete tar ends with zeros.
    raw.seek(file.offset)
    if raw.read(tarfile.BLOCKSIZE) != ZEROS:
        yield None


def _shown(name: str) -> bool:
    """Return True if neither the file nor one of its folders is hidden."""
    return not any(part.startswith('.') for part in name.split('/'))


def _label(file: tarfile.TarFile, member: tarfile.TarInfo) -> int:
    """Return the number in a text file; -1 if it holds none."""
    content = file.extractfile(member)
    text = b'' if content is None else content.read(MAX_LABEL).strip()
    return int(text) if text.isdigit() else -1
