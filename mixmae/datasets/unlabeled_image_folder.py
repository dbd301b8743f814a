"""A data set of nothing but images."""

import logging
import os
from collections.abc import Callable, Sequence
from math import gcd
from pathlib import Path

import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from torch import Tensor

from mixmae.datasets.image_listing import cache_beside, list_images
from mixmae.datasets.samplers.sample_index import SampleIndex
from mixmae.datasets.transforms import BrokenImageError
from mixmae.registry import DATASETS, TRANSFORMS

SUFFIXES = (
    '.jpg', '.jpeg', '.jpe', '.png', '.webp', '.bmp', '.tif', '.tiff',
)  # fmt: skip
# As many broken files are borne in any folder that is not tiny, so that one
# of ten does not stop a run.
FEW_BROKEN = 5


class TooManyBrokenImagesError(RuntimeError):
    """More files are broken than the data set is to bear."""


@DATASETS.register_module()
class UnlabeledImageFolder(BaseDataset):
    """Images below a folder, or in a list, without labels.

    A file that cannot be read (the pipeline raises ``BrokenImageError``) is
    named in the log and counted once; from then on another image, always the
    same, takes its place. The count is shared by the workers of a loader,
    forked or spawned; each rank of a distributed run keeps its own. The run
    stops with ``TooManyBrokenImagesError`` as soon as more than

        max(int(max_broken_share * files), min(5, files // 2))

    files have turned out broken. A share of 0 bears none.

    The listing of a folder is kept beside it, in ``.NAME.mixmae_listing.json``
    (see ``list_images`` for when it is trusted); where nothing can be written
    there, the folder is listed each time.

    Args:
        data_root: the folder; or, with ``ann_file``, what the paths in it
            are relative to.
        ann_file: a text file with one path per line, taken in its order;
            empty lines and lines that start with # are skipped. Paths are
            absolute, or relative to ``data_root`` (without one, to the
            folder of ``ann_file``). No suffix is asked for.
        data_prefix: a folder below ``data_root`` to use instead of it.
        pipeline: configs of transforms; the first must be ``LoadImage`` for
            broken files to be skipped.
        suffixes: of images, with or without capitals.
        max_broken_share: of all files, 0 to 1.
        listing_cache: a file to keep the listing in; None for the one beside
            the folder; False for none.
        metainfo, indices, serialize_data, test_mode, lazy_init: as in
            MMEngine's ``BaseDataset``.

    Raises:
        FileNotFoundError: the folder or list does not exist.
        ValueError: no image was found, or an argument is out of range.
    """

    METAINFO = {'dataset_type': 'unlabeled_image_folder'}

    def __init__(
        self,
        data_root: str = '',
        ann_file: str = '',
        data_prefix: str = '',
        pipeline: Sequence[dict | Callable] = (),
        suffixes: Sequence[str] = SUFFIXES,
        max_broken_share: float = 0.01,
        listing_cache: str | bool | None = None,
        metainfo: dict | None = None,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        test_mode: bool = False,
        lazy_init: bool = False,
    ) -> None:
        if not data_root and not ann_file:
            raise ValueError(
                'UnlabeledImageFolder needs data_root (a folder of images) '
                'or ann_file (a text file of paths), got neither'
            )
        if not 0 <= max_broken_share <= 1:
            raise ValueError(
                f'max_broken_share must be from 0 to 1, got {max_broken_share}'
            )
        if listing_cache is True:
            raise ValueError(
                'listing_cache must be a path, None or False, got True'
            )
        self.suffixes = tuple(suffix.lower() for suffix in suffixes)
        self.max_broken_share = max_broken_share
        self.listing_cache = listing_cache
        self._has_folder = bool(data_root or data_prefix)
        self._broken = torch.zeros(0, dtype=torch.uint8)
        super().__init__(
            ann_file=ann_file and os.path.expanduser(ann_file),
            metainfo=metainfo,
            data_root=data_root and os.path.expanduser(data_root),
            data_prefix={'img_path': data_prefix},
            indices=indices,
            serialize_data=serialize_data,
            # By our registry, so that 'LoadImage' is found in any scope.
            pipeline=[_build(transform) for transform in pipeline],
            test_mode=test_mode,
            lazy_init=lazy_init,
        )

    def full_init(self) -> None:
        """Lists the images, once."""
        if self._fully_initialized:
            return
        super().full_init()
        self._broken = _flags(len(self))

    def load_data_list(self) -> list[dict]:
        """One ``dict(img_path=...)`` per image."""
        paths = self._read_list() if self.ann_file else self._list_folder()
        return [{'img_path': path} for path in paths]

    def get_subset_(self, indices: Sequence[int] | int) -> None:
        """Keeps these images only; forgets which were broken."""
        super().get_subset_(indices)
        self._broken = _flags(len(self))

    def get_subset(self, indices: Sequence[int] | int) -> BaseDataset:
        """A data set of these images; counts its broken ones anew."""
        subset = super().get_subset(indices)
        subset._broken = _flags(len(subset))
        return subset

    def broken_files(self) -> list[str]:
        """Paths found broken so far, by all workers of this process."""
        found = self._broken.nonzero().flatten().tolist()
        return [self.get_data_info(index)['img_path'] for index in found]

    def __getitem__(self, idx: int) -> dict:
        """Image ``idx`` after the pipeline, or its stand-in.

        ``img_path`` and ``sample_idx`` are those of the image delivered.
        """
        if not self._fully_initialized:
            self.full_init()
        count = len(self)
        if not -count <= idx < count:
            raise IndexError(f'index {idx}, but there are {count} images')
        stride = _stride(count)
        for step in range(count):
            index = (idx + step * stride) % count
            if isinstance(idx, SampleIndex):
                index = idx.at(index)
            if self._broken[index]:
                continue
            try:
                data = self.prepare_data(index)
            except BrokenImageError as error:
                self._note_broken(index, error)
                continue
            if data is None:
                raise ValueError(
                    'the pipeline of UnlabeledImageFolder returned None for '
                    f'{self.get_data_info(index)["img_path"]}; transforms '
                    'must return the results'
                )
            return data
        raise TooManyBrokenImagesError(
            f'all {count} images are broken; the last ones: '
            f'{", ".join(self.broken_files()[-3:])}'
        )

    def _note_broken(self, index: int, error: BrokenImageError) -> None:
        # Setting one flag twice does no harm, so workers need no lock.
        self._broken[index] = 1
        broken, count = int(self._broken.sum()), len(self)
        allowed = 0
        if self.max_broken_share > 0:
            allowed = max(
                int(self.max_broken_share * count),
                min(FEW_BROKEN, count // 2),
            )
        message = f'{error}; {broken} of {count} files are broken so far'
        if broken > allowed:
            raise TooManyBrokenImagesError(
                f'{message}, {allowed} are allowed. Mend or remove them, or '
                f'raise max_broken_share={self.max_broken_share}'
            )
        print_log(
            f'{message}, {allowed} are allowed; another image takes its place',
            logger='current',
            level=logging.WARNING,
        )

    def _list_folder(self) -> list[str]:
        folder = self.data_prefix['img_path'].rstrip('/') or '/'
        if os.path.isfile(folder):
            raise ValueError(
                f'{folder} is a file, not a folder of images; a text file of '
                f'paths is given as ann_file'
            )
        if not os.path.isdir(folder):
            raise FileNotFoundError(
                f'the folder of images {folder} does not exist '
                f'(absolute: {os.path.abspath(folder)})'
            )
        cache: str | None = None
        if self.listing_cache is None:
            cache = cache_beside(folder)
        elif self.listing_cache is not False:
            cache = str(self.listing_cache)
        files = list_images(folder, self.suffixes, cache)
        if not files:
            raise ValueError(
                f'no images in {os.path.abspath(folder)} or below; looked '
                f'for files that end in {", ".join(self.suffixes)} (in any '
                f'case) and are not hidden'
            )
        return [os.path.join(folder, name) for name in files]

    def _read_list(self) -> list[str]:
        listing = Path(self.ann_file)
        if not listing.is_file():
            raise FileNotFoundError(
                f'the list of images {listing} does not exist '
                f'(absolute: {listing.absolute()})'
            )
        lines = listing.read_text(encoding='utf-8-sig').splitlines()
        names = [line.strip() for line in lines]
        names = [name for name in names if name and name[0] != '#']
        if not names:
            raise ValueError(
                f'no paths in {listing.absolute()}; looked for one path of '
                f'an image per line'
            )
        root = str(listing.parent)
        if self._has_folder:
            root = self.data_prefix['img_path']
        paths = [os.path.join(root, name) for name in names]
        # A single missing file is a broken one; here the root is wrong.
        if not any(os.path.exists(path) for path in paths[:8]):
            raise FileNotFoundError(
                f'none of the first paths in {listing} exists, e.g. '
                f'{os.path.abspath(paths[0])}; relative paths are taken '
                f'from {os.path.abspath(root)}'
            )
        return paths


def _build(transform: dict | Callable) -> Callable:
    return transform if callable(transform) else TRANSFORMS.build(transform)


def _flags(count: int) -> Tensor:
    return torch.zeros(count, dtype=torch.uint8).share_memory_()


def _stride(count: int) -> int:
    """A step that visits all of ``count`` places, far apart.

    Broken files come in clusters; the next in line would then stand in for
    all of them.
    """
    stride = max(1, int(count * 0.618))
    while gcd(stride, count) != 1:
        stride += 1
    return stride
