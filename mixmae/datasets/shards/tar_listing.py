"""Finds the images in tar files that others have made."""

from __future__ import annotations

import hashlib
import logging
import os
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mmengine.logging import print_log

from mixmae.checkpoints.whole_file import whole_file
from mixmae.datasets.image_listing import list_folder
from mixmae.datasets.listing_cache import TIME_STEP_NS
from mixmae.datasets.shards.sample_table import (
    Sample,
    SampleTable,
    Shard,
    read_table,
)
from mixmae.datasets.shards.shard_file import LABEL_SUFFIX
from mixmae.datasets.unlabeled_image_folder import SUFFIXES
from mixmae.fileio.escaped_path import escape
from mixmae.fileio.safe_path import path_fault

# Digits of any number of classes; what is longer is no label.
MAX_LABEL = 16
ZEROS = bytes(tarfile.BLOCKSIZE)
CACHE_FOLDER = 'mixmae-tar-index'


def list_tars(folder: str) -> tuple[SampleTable, str | None]:
    """The images in all tar files of a folder, or in one tar file.

    Only the headers are read, and only once: the table is kept beside the
    folder (in ``.NAME.mixmae_tars.npz``), or in the user's folder of
    temporary files if nothing can be written there, and is true until a tar
    comes, goes or changes.

    An image is a member with the suffix of one; as WebDataset has it, a
    member of the same name but for its suffix, ``.cls``, is its label. Names
    have no sums in a tar, so damage is only seen by decoders.

    Args:
        folder: of the tars, at any depth, or a tar.

    Returns:
        The table, and the file that it is in (None if it is in none).

    Raises:
        ValueError: there is no tar, a file is none that can be read at
            places, a name leads out of its folder, or no image is in them.
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
    _say(f'looking for images in {len(shards)} tar files of {folder}')
    listings = [TarListing(os.path.join(root, shard.name)) for shard in shards]
    tables = [
        SampleTable.of([shard], listing.samples())
        for shard, listing in zip(shards, listings)
    ]
    ends = [listing.path for listing in listings if not listing.whole]
    made = dict(started=started, cut_off=ends)
    table = SampleTable.joined(tables, made=made)
    if not len(table):
        raise ValueError(
            f'no images in the {len(shards)} tar files of {folder}; looked '
            f'for names that end in {", ".join(SUFFIXES)} (in any case)'
        )
    _warn(table)
    for place in filter(None, places):
        try:
            with whole_file(place) as partial, partial.open('wb') as file:
                table.save(file)
        except OSError:
            continue
        _say(f'{len(table):,} images; their places are kept in {place}')
        return table, place
    return table, None


class TarListing:
    """The images in one tar.

    Args:
        path: of the tar.

    Attributes:
        whole: whether it has an end; known when it has been listed.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.whole = True

    def samples(self) -> list[Sample]:
        """Places and labels of the images, in their order.

        Raises:
            ValueError: it is no tar without compression, or a name leads
                out of its folder.
        """
        images: list[tuple[str, int, int]] = []
        labels: dict[str, int] = {}
        with self._opened() as file:
            for member in self._members(file):
                fault = path_fault(member.name)
                if fault is not None:
                    raise ValueError(f'{self.path}: {fault}')
                if not member.isreg() or member.issparse():
                    continue
                name = os.path.normpath(member.name)
                stem, suffix = os.path.splitext(name)
                if suffix.lower() == LABEL_SUFFIX:
                    labels[stem] = _label(file, member)
                elif suffix.lower() in SUFFIXES and _shown(name):
                    images.append((name, member.offset_data, member.size))
        return [
            Sample(
                shard=0,
                name=name,
                offset=offset,
                size=size,
                crc32=None,
                label=labels.get(os.path.splitext(name)[0]),
            )
            for name, offset, size in images
        ]

    def _opened(self) -> tarfile.TarFile:
        try:
            return tarfile.open(self.path, 'r:')
        except OSError as error:
            raise ValueError(f'{self.path}: {error.strerror}') from None
        except tarfile.TarError as error:
            raise ValueError(
                f'{self.path} is no tar file without compression ({error}); '
                f'mend or remove it'
            ) from None

    def _members(self, file: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
        """Up to the end, or to where the file is cut off or damaged."""
        try:
            while (member := file.next()) is not None:
                yield member
                # Or all headers would stay in memory.
                file.members = []  # type: ignore[attr-defined]
        except (tarfile.TarError, OSError):
            self.whole = False
            return
        # Damage ends the reading without a word; a tar ends with zeros.
        with open(self.path, 'rb') as raw:
            raw.seek(file.offset)
            self.whole = raw.read(tarfile.BLOCKSIZE) == ZEROS


def _say(text: str, level: int = logging.INFO) -> None:
    print_log(text, logger='current', level=level)


def _tars(folder: str) -> tuple[str, list[str]]:
    """The folder, and names of the tars below it."""
    if os.path.isfile(folder):
        return os.path.dirname(folder), [os.path.basename(folder)]
    listing = list_folder(folder, ['.tar', '.tar.gz', '.tgz', '.tar.bz2'])
    for note in listing.notes():
        _say(f'{folder}: {note}', logging.WARNING)
    names = listing.files
    packed = [name for name in names if not name.lower().endswith('.tar')]
    if packed:
        raise ValueError(
            f'{os.path.join(folder, packed[0])} is compressed: nothing in it '
            f'can be read without all before it; decompress it (gunzip, '
            f'bunzip2), which costs little space for images'
        )
    if not names:
        raise ValueError(
            f'no shards in {os.path.abspath(folder)}: neither index.npz of '
            f'pack.py nor files that end in .tar'
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
            f'{escape(path)} is cut off or damaged: images after that are '
            f'not known of',
            logging.WARNING,
        )


def _shown(name: str) -> bool:
    """Whether neither a file nor a folder on its way is hidden."""
    return not any(part.startswith('.') for part in name.split('/'))


def _label(file: tarfile.TarFile, member: tarfile.TarInfo) -> int:
    """The number in a text file; -1 if it holds none."""
    content = file.extractfile(member)
    text = b'' if content is None else content.read(MAX_LABEL).strip()
    return int(text) if text.isdigit() else -1


def _known(place: str, shards: list[Shard]) -> SampleTable | None:
    """The table that was made of the same tars, if it is there."""
    try:
        table = read_table(place)
    except (OSError, ValueError):
        return None
    settled = table.made.get('started', 0) - TIME_STEP_NS
    if list(table.shards) != shards:
        return None
    if any(shard.modified > settled for shard in shards):
        return None
    return table


def _beside(folder: str) -> str:
    path = Path(folder).resolve()
    return str(path.parent / f'.{path.name}.mixmae_tars.npz')


def _temporary(folder: str) -> str | None:
    """A place that nobody else can write to; None if there is none."""
    home = Path(tempfile.gettempdir()) / f'{CACHE_FOLDER}-{os.getuid()}'
    try:
        home.mkdir(mode=0o700, exist_ok=True)
        about = home.lstat()
    except OSError:
        return None
    if about.st_uid != os.getuid() or about.st_mode & 0o777 != 0o700:
        return None
    name = hashlib.sha256(os.fsencode(Path(folder).resolve())).hexdigest()
    return str(home / f'{name}.npz')
