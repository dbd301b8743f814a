"""Settings of packing, their record in an unfinished folder, and a report."""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import PIL

from mixmae.data_tools.packing.pack_source import PackSource
from mixmae.datasets.corrupt.corrupt_file_list import CorruptFile
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_file import PLAIN
from mixmae.datasets.packed.sample_table import JOURNAL
from mixmae.fileio.file_lock import NoLocksError, lock_file
from mixmae.fileio.safe_path import own_file

MEBIBYTE = 2**20
# Size of a tar file with a small image in it.
MIN_BYTES = 20480


@dataclass(frozen=True)
class PackSettings:
    """Settings of packing.

    Attributes:
        short_side: Images are reduced to this short side, in pixels; None for
            no change.
        quality: JPEG quality of reduced images, 1 to 95.
        shard_bytes: Largest size of a shard.
        shuffle: Seed of a fixed order; None for that of the source.
        tile: Images with a longer side are divided into tiles of at most this
            side, in pixels; None for no tiles.
        max_pixels: Pixels of the largest image that is divided.
        decoding: Conversion of reduced images to 8-bit RGB.

    Raises:
        ValueError: A setting is out of range, or has no effect.
    """

    short_side: int | None = None
    # A higher quality would only store noise of the first compression.
    quality: int = 92
    shard_bytes: int = 256 * MEBIBYTE
    shuffle: int | None = None
    decoding: ImageDecoding = PLAIN
    tile: int | None = None
    max_pixels: int = 2**30

    def __post_init__(self) -> None:
        if self.short_side is None and self.decoding != PLAIN:
            raise ValueError(
                'value_range, extra_band, background and in_channels apply to '
                'downscaled images only; without a short side all files are '
                'copied unchanged'
            )
        if self.short_side is not None and self.decoding.channels != 3:
            raise ValueError(
                f'images are made smaller as JPEGs, which hold RGB: leave out '
                f'the short side for in_channels={self.decoding.channels}'
            )
        if self.short_side is not None and self.short_side < 1:
            raise ValueError(
                'short_side must be at least 1 pixel, or None to keep all '
                f'files unchanged, got {self.short_side}'
            )
        for name in ('tile', 'max_pixels'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f'{name} must be at least 1, got {value}')
        if not 1 <= self.quality <= 95:
            raise ValueError(
                f'quality must be from 1 to 95, got {self.quality}'
            )
        if self.shard_bytes < MIN_BYTES:
            raise ValueError(
                f'a shard must be allowed {MIN_BYTES} bytes at least, got '
                f'{self.shard_bytes}'
            )

    def made(self, source: PackSource) -> dict[str, Any]:
        """Return the values that identify the result; stored in the index."""
        made = asdict(self) | {'source': source.digest()}
        if self.decoding == PLAIN:
            # As in the index of older versions.
            del made['decoding']
        if self.tile is None:
            del made['tile'], made['max_pixels']
        # JSON turns tuples into lists, and this is compared with an index.
        made = json.loads(json.dumps(made))
        if self.short_side is not None or self.tile is not None:
            # Another version may write different bytes.
            made['pillow'] = PIL.__version__
        return made


@dataclass
class PackReport:
    """Result of packing.

    Attributes:
        images: Number of images.
        shards: Number of shards.
        size: Total size of the shards, in bytes.
        shrunk: Number of images reduced in this call.
        tiled: Number of images divided into tiles in this call.
        large: Number of images copied in this call that have more pixels than
            a training reads by default.
        found: Number of images packed by an earlier call.
        dotted: Number of names with more than one dot, which WebDataset would
            read as long suffixes.
        bad: Files that could not be packed, relative to the source.
        unsupported: Counts of intact files among them that cannot become
            8-bit RGB, in this call, by declared type.
    """

    images: int = 0
    shards: int = 0
    size: int = 0
    shrunk: int = 0
    tiled: int = 0
    large: int = 0
    found: int = 0
    dotted: int = 0
    bad: list[CorruptFile] = field(default_factory=list)
    unsupported: Counter[str] = field(default_factory=Counter)


@contextmanager
def held_folder(partial: Path, made: dict[str, Any]) -> Iterator[None]:
    """Hold the folder of an unfinished pack, new or existing.

    Raises:
        ValueError: The folder is of another pack, or another process holds
            it.
    """
    journal = partial / JOURNAL
    if partial.is_symlink():
        raise ValueError(f'{partial} is a symbolic link; remove it')
    if partial.exists() and not journal.exists() and os.listdir(partial):
        raise ValueError(
            f'{partial} exists but was not written by mixmae pack; move it'
        )
    partial.mkdir(parents=True, exist_ok=True)
    with open(journal, 'a+', encoding='utf-8', opener=own_file) as file:
        _lock(file.fileno(), partial)
        file.seek(0)
        text = file.read()
        noted = json.dumps(made, sort_keys=True)
        if text and text != noted:
            raise ValueError(
                f'{partial} was started from other files or with other '
                'settings; remove it to start again, or use the same ones'
            )
        if not text:
            file.write(noted)
            file.flush()
            os.fsync(file.fileno())
        try:
            yield
        finally:
            if os.path.exists(partial) and os.listdir(partial) == [JOURNAL]:
                # There is nothing to resume from.
                journal.unlink()
                partial.rmdir()


def _lock(handle: int, partial: Path) -> None:
    # Without locks: all writes are atomic, and both processes would write
    # the same.
    with contextlib.suppress(NoLocksError):
        if not lock_file(handle):
            raise ValueError(
                f'another process is packing into {partial}; wait for it, or '
                'choose another folder'
            )
