"""Image arguments of a call: folders, lists, shards, files, or several.

``ImageSources.split`` holds out the validation images of a pretraining.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_file import image_header
from mixmae.datasets.images.sample_values import ValueSample, spread
from mixmae.datasets.packed.sample_table import INDEX, JOURNAL
from mixmae.datasets.packed_images import PackedImages, table_of
from mixmae.fileio.atomic_write import atomic_write
from mixmae.fileio.image_formats import SUFFIXES
from mixmae.fileio.image_listing import list_folder
from mixmae.fileio.path_list import read_labelled_list
from mixmae.fileio.safe_path import UnsafePathError, path_fault
from mixmae.recipes.config_template import Code

# Images that are read for their sizes and values.
SAMPLE = 64
FEWEST = 8


@dataclass
class ImageSources:
    """Images of a run, from any number of sources.

    Attributes:
        files: Absolute paths.
        shards: Folders of shards and tar files, with their counts.
        duplicates: Number of further paths to the same files.
        notes: What was left out, a line each.
    """

    files: list[str] = field(default_factory=list)
    shards: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.files) + sum(self.shards.values())

    def root(self) -> str:
        """Return the innermost folder of all files, or the first shards."""
        folders = {os.path.dirname(path) for path in self.files}
        if folders:
            return os.path.commonpath(folders)
        return next(iter(self.shards), '')

    def describe(self) -> str:
        """Return where the images are, in words."""
        parts = []
        if self.files:
            parts.append(f'{len(self.files):,} files below {self.root()}')
        parts += [
            f'{count:,} in shards of {place}'
            for place, count in self.shards.items()
        ]
        return ' and '.join(parts)

    def split(
        self, share: float, most: int, seed: int
    ) -> tuple[ImageSources, ImageSources]:
        """Hold images out: a random share of the files, the end of shards.

        Args:
            share: Share of the images, between 0 and 1.
            most: Largest number to hold out.
            seed: The same seed draws the same files.

        Returns:
            The rest, and what was held out; the latter's shards are counted
            from their end.
        """
        share = min(share, most / self.count)
        number = max(1, round(share * len(self.files))) if self.files else 0
        drawn = set(random.Random(seed).sample(range(len(self.files)), number))
        kept, held = ImageSources(), ImageSources()
        for index, path in enumerate(self.files):
            (held if index in drawn else kept).files.append(path)
        for place, count in self.shards.items():
            held.shards[place] = max(1, round(share * count))
            kept.shards[place] = count - held.shards[place]
        return kept, held

    def data_sets(
        self, ann_file: str, end: bool, root: str
    ) -> list[dict[str, Any]]:
        """Return configs of the data sets, without pipelines.

        Args:
            ann_file: List of the files, as the config names it.
            end: Whether images of shards are counted from their end.
            root: The ``data_root`` of the config.
        """
        found: list[dict[str, Any]] = []
        if self.files:
            found.append(
                {
                    'type': 'UnlabeledImageFolder',
                    'data_root': Code('data_root'),
                    'ann_file': ann_file,
                }
            )
        found += [
            {
                'type': 'PackedImages',
                'data_root': Code('data_root') if place == root else place,
                'indices': -count if end else count,
            }
            for place, count in self.shards.items()
        ]
        return found

    def write_list(self, path: Path, root: str) -> None:
        """Write the list of the files, relative to a folder above them."""
        lines = [one[len(root) :].lstrip('/') for one in self.files]
        # A list takes such lines for comments.
        lines = [f'{root}/{one}' if one[0] == '#' else one for one in lines]
        content = '\n'.join(lines).encode('utf-8', 'surrogateescape')
        with atomic_write(path) as partial:
            partial.write_bytes(content + b'\n')

    def short_side(self) -> int:
        """Return the median short side of a sample, in pixels.

        Raises:
            ValueError: None of them can be read.
        """
        sides, first = [], ''
        for path, content in self.sample():
            try:
                sides.append(min(image_header(path, content)[1]))
            # Damaged files are left to the run.
            except CorruptImageError as error:
                first = first or f'{error}'
        if not sides:
            raise ValueError(
                f'none of a sample of {min(self.count, SAMPLE)} images in '
                f'{self.describe()} can be read: {first}'
            )
        return round(median(sides))

    def values(self, in_channels: int) -> ValueSample:
        """Read the values of a sample.

        Args:
            in_channels: Channels that the images become.

        Raises:
            ValueError: At least half of them have another number of channels.
        """
        found = ValueSample(ImageDecoding(channels=in_channels))
        for path, content in self.sample():
            found.add(path, content)
        unfit = found.unread['unsupported']
        count = found.unread.total() + found.kinds.total()
        if 2 * unfit >= count:
            raise ValueError(
                f'{unfit} of {count} images that were read cannot '
                f'become in_channels={in_channels}: {found.fault}'
            )
        return found

    def sample(self, most: int = SAMPLE) -> Iterator[tuple[str, bytes | None]]:
        """Yield paths and, from shards, contents of evenly spread images.

        The content of an image that its shard lacks is empty.
        """
        chosen = spread(self.count, most)
        first = len(self.files)
        for index in chosen:
            if index < first:
                yield self.files[index], None
        for place, count in self.shards.items():
            packed = PackedImages(place)
            for index in chosen:
                if not first <= index < first + count:
                    continue
                path = packed.get_data_info(index - first)['img_path']
                try:
                    sample = packed.read_sample(index - first)
                    yield path, sample['img_bytes']
                except CorruptImageError:
                    yield path, b''
            first += count


def read_sources(
    data: str | os.PathLike | Sequence[str | os.PathLike],
    name: str = 'data',
    fewest: int = FEWEST,
) -> ImageSources:
    """List the images of all places; each file counts once.

    Args:
        data: A folder of images or shards, a tar file, an image, a text file
            of paths (relative to its folder, or absolute), or several.
        name: Of the argument, for messages.
        fewest: Smallest number of images.

    Raises:
        ValueError: A place does not exist or holds no image, or there are too
            few images.
    """
    places: list[Any] = [data]
    if isinstance(data, Iterable) and not isinstance(data, str):
        places = [*data]
    for place in places:
        if not isinstance(place, (str, os.PathLike)):
            raise ValueError(
                f'{name} must be a path or several, got {type(place).__name__}'
            )
    if not places:
        raise ValueError(f'{name} names no images')
    found = ImageSources()
    for place in places:
        _add(found, os.path.abspath(os.path.expanduser(place)), name)
    # A file that is reached by two paths counts once.
    real = {os.path.realpath(path): path for path in reversed(found.files)}
    unique = [*reversed(real.values())]
    found.duplicates = len(found.files) - len(unique)
    if found.duplicates:
        found.notes.append(
            f'{found.duplicates:,} files were given twice; used once'
        )
    # A list holds one path a line.
    faults = {path: path_fault(path[1:]) for path in unique}
    found.files = [path for path, fault in faults.items() if fault is None]
    odd = [fault for fault in faults.values() if fault is not None]
    if odd:
        found.notes.append(f'{len(odd):,} files left out: {odd[0]}')
    if found.count < fewest:
        raise ValueError(
            f'{name}: {found.count} images in {", ".join(map(str, places))} '
            f'are too few to train on; at least {fewest} are needed'
            + (f' ({"; ".join(found.notes)})' if found.notes else '')
        )
    return found


def _add(found: ImageSources, place: str, name: str) -> None:
    suffix = os.path.splitext(place)[1].lower()
    if os.path.isdir(place):
        _add_folder(found, place, name)
    elif not os.path.exists(place):
        raise ValueError(f'{name}: there is no {place}')
    elif suffix == '.tar':
        found.shards[place] = len(table_of(place)[0])
    elif suffix in SUFFIXES or _is_image(place):
        found.files.append(place)
    else:
        found.files += _listed(place)


def _is_image(path: str) -> bool:
    """Return True for an image of another suffix, such as GIF; not a list."""
    try:
        image_header(path)
    except CorruptImageError:
        return False
    return True


def _add_folder(found: ImageSources, place: str, name: str) -> None:
    if any(os.path.exists(os.path.join(place, f)) for f in (INDEX, JOURNAL)):
        found.shards[place] = len(table_of(place)[0])
        return
    listing = list_folder(place, SUFFIXES)
    found.notes += [f'{place}: {note}' for note in listing.notes()]
    found.files += [os.path.join(place, one) for one in listing.files]
    if listing.files:
        return
    if '.tar' in listing.left_out:
        found.notes.pop()
        found.shards[place] = len(table_of(place)[0])
        return
    left = f' ({"; ".join(listing.notes())})' if listing.notes() else ''
    raise ValueError(
        f'{name}: no images in {place} or below{left}; read are '
        f'{", ".join(SUFFIXES)} and tar files'
    )


def _listed(listing: str) -> list[str]:
    """Return the absolute paths in a list; labels are left out."""
    folder = os.path.dirname(listing)
    try:
        paths, _ = read_labelled_list(listing, folder)
    except UnsafePathError:
        # A list that the user names may name any file.
        paths, _ = read_labelled_list(listing, '/')
    return [os.path.join(folder, path) for path in paths]
