"""Image dataset without labels."""

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

from mmengine.logging import print_log

from mixmae.datasets.image_set import ImageSet
from mixmae.fileio.image_formats import SUFFIXES
from mixmae.fileio.image_listing import cache_beside, list_folder
from mixmae.fileio.path_list import read_path_list
from mixmae.registry import DATASETS


@DATASETS.register_module()
class UnlabeledImageFolder(ImageSet):
    """Images below a folder, or in a list, without labels.

    Fallback samples replace corrupt files, see ``ImageSet``.

    The listing of a folder is cached next to it, in
    ``.NAME.mixmae_listing.json`` (see ``list_folder`` for when it is valid),
    or in ``~/.cache/mixmae`` if that location is not writable. Files skipped
    because of their suffix or because they are not regular files are counted
    in the log.

    Args:
        data_root: The folder; with ``ann_file``, the base folder of its paths.
        ann_file: A text file with one path per line, in the order of the
            dataset; empty lines and lines that start with # are skipped.
            Paths are relative to ``data_root`` (without one, to the folder of
            ``ann_file``), or absolute, and must stay below it;
            ``data_root='/'`` allows any file. Any suffix is accepted.
        data_prefix: A folder below ``data_root`` to use instead of it.
        pipeline: Configs of transforms; the first must be ``LoadImage`` for
            corrupt files to be replaced.
        suffixes: Suffixes of images, case-insensitive.
        listing_cache: File of the cached listing; None for the default next to
            the folder; False for no cache.
        others: See ``ImageSet``.

    Raises:
        FileNotFoundError: The folder or a list does not exist.
        ValueError: No image was found, a list names a file outside of
            ``data_root``, a folder cannot be listed, or an argument is out of
            range.
    """

    METAINFO = {'dataset_type': 'unlabeled_image_folder'}

    def __init__(
        self,
        data_root: str = '',
        ann_file: str = '',
        data_prefix: str = '',
        pipeline: Sequence[dict | Callable] = (),
        suffixes: Sequence[str] = SUFFIXES,
        listing_cache: str | bool | None = None,
        **others: Any,
    ) -> None:
        if not data_root and not ann_file:
            raise ValueError(
                'UnlabeledImageFolder needs data_root (a folder of images) '
                'or ann_file (a text file of paths), got neither'
            )
        if listing_cache is True:
            raise ValueError(
                'listing_cache must be a path, None or False, got True'
            )
        self.suffixes = tuple(suffix.lower() for suffix in suffixes)
        self.listing_cache = listing_cache
        self._has_folder = bool(data_root or data_prefix)
        paths = dict(
            ann_file=ann_file and os.path.expanduser(ann_file),
            data_root=data_root and os.path.expanduser(data_root),
            data_prefix={'img_path': data_prefix},
        )
        super().__init__(paths, pipeline, **others)

    def load_data_list(self) -> list[dict]:
        """Return one ``dict(img_path=...)`` per image."""
        folder = self._folder()
        if self.ann_file:
            paths = read_path_list(self.ann_file, folder)
        else:
            paths = self._list_folder(folder)
        if self.exclude:
            kept = self._kept(paths, folder or '')
            paths = [paths[index] for index in kept]
        return [{'img_path': path} for path in paths]

    def _folder(self) -> str | None:
        """Return the base folder of relative paths; None without data_root."""
        if not self._has_folder:
            return None
        return self.data_prefix['img_path'].rstrip('/') or '/'

    def _list_folder(self, folder: str | None) -> list[str]:
        # Without ann_file there is always a data_root.
        folder = folder or ''
        if os.path.isfile(folder):
            raise ValueError(
                f'{folder} is a file, not a folder of images; pass a text '
                'file of paths as ann_file'
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
        listing = list_folder(folder, self.suffixes, cache)
        for note in listing.notes():
            print_log(f'{folder}: {note}', 'current', logging.WARNING)
        if not listing.files:
            raise ValueError(
                f'no images in {os.path.abspath(folder)} or its subfolders; '
                'searched for files that are not hidden and end in '
                f'{", ".join(self.suffixes)} (case-insensitive)'
            )
        return [os.path.join(folder, name) for name in listing.files]
