"""Conversion of iNaturalist and Places lists to a common format.

Writes ``meta/train.txt`` and ``meta/val.txt`` in the folder of the dataset,
one line ``<path> <label>`` per image, with paths relative to that folder and
labels from 0: the ``ann_file`` format of mmpretrain's ``CustomDataset``. The
images stay where their archives were extracted.
"""

import filecmp
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from mixmae.data_tools.verification.known_sets import KNOWN_SETS
from mixmae.datasets.labels.coco_entry_faults import read_coco
from mixmae.fileio.atomic_write import new_files
from mixmae.fileio.safe_path import path_fault

SPLITS = ('train', 'val')
# Image folder of the Places205 archive.
PLACES205_IMAGES = 'data/vision/torralba/deeplearning/images256'
PLACES365_SIZES = ('256', 'large')
PLACES365_LISTS = {
    'train': 'places365_train_standard.txt',
    'val': 'places365_val.txt',
}
Entry = tuple[str, int]


def inaturalist(root: Path, split: str, year: str) -> Iterator[Entry]:
    """Yield entries of ``<split><year>.json``; category ids are labels."""
    path = root / f'{split}{year}.json'
    content = read_coco(path)
    try:
        names = {
            image['id']: image['file_name'] for image in content['images']
        }
        for annotation in content['annotations']:
            yield names[annotation['image_id']], annotation['category_id']
    except (KeyError, TypeError) as error:
        raise ValueError(
            f'{path}: an entry is incomplete or names an unknown image '
            f'({type(error).__name__}: {error}); download it again'
        ) from None


def places205(root: Path, split: str) -> Iterator[Entry]:
    """Yield entries of ``trainvalsplit_places205/<split>_places205.csv``."""
    name = f'{split}_places205.csv'
    path = _find(root, name, 'trainvalsplit_places205')
    for image, label in _lines(path):
        yield _below(PLACES205_IMAGES, image), label


def places365(
    root: Path, split: str, size: str | None = None
) -> Iterator[Entry]:
    """Yield entries of the lists of Places365-Standard.

    The size of the images is one of ``PLACES365_SIZES``; the existing one if
    None.
    """
    path = _find(root, PLACES365_LISTS[split], 'filelist_places365-standard')
    # The archive's own name, and the name that torchvision gives it.
    forms = ['data_{}', 'data_{}_standard'] if split == 'train' else ['val_{}']
    sizes = [size] if size else list(PLACES365_SIZES)
    names = [form.format(s) for s in sizes for form in forms]
    there = [name for name in names if (root / name).is_dir()]
    if len(there) != 1:
        found = ' and '.join(there) or f'none of {", ".join(names)}'
        raise ValueError(
            f'{root}: holds {found}; '
            + (
                'select one with --size'
                if there
                else 'extract the images to this folder'
            )
        )
    for image, label in _lines(path):
        # Paths in the training list start from the root: /a/airfield/…
        yield _below(there[0], image.removeprefix('/')), label


READERS: dict[str, Callable[..., Iterator[Entry]]] = {
    'inaturalist2018': partial(inaturalist, year='2018'),
    'inaturalist2019': partial(inaturalist, year='2019'),
    'places205': places205,
    'places365': places365,
}


def write_lists(
    kind: str, root: Path, size: str | None = None, overwrite: bool = False
) -> dict[str, int]:
    """Write both lists; nothing is replaced before both are complete.

    Args:
        kind: One of ``READERS``.
        root: Folder of the dataset.
        size: Size of the Places365 images, see ``places365``.
        overwrite: Replace lists of another content.

    Returns:
        Number of images of each split.

    Raises:
        ValueError: The official lists are missing or invalid, ``size`` does
            not apply, or there are other lists.
    """
    if size is not None and kind != 'places365':
        raise ValueError(f'size is for places365, got {size!r} for {kind}')
    options = {'size': size} if size else {}
    if not root.is_dir():
        raise ValueError(f'{root}: no such folder')
    classes = KNOWN_SETS[kind].classes
    lists = {
        split: _checked(READERS[kind](root, split, **options), classes, split)
        for split in SPLITS
    }
    folder = root / 'meta'
    with new_files(folder) as partial:
        for split, entries in lists.items():
            new, target = partial / f'{split}.txt', folder / f'{split}.txt'
            lines = [f'{name} {label}\n' for name, label in entries]
            new.write_text(''.join(lines), encoding='utf-8')
            if overwrite or not target.exists():
                continue
            if not filecmp.cmp(new, target, shallow=False):
                raise ValueError(
                    f'{target} is another list; move it, or replace it with '
                    '--overwrite'
                )
    return {split: len(entries) for split, entries in lists.items()}


def _below(folder: str, name: str) -> str:
    """Join a name to a folder; keep an unsafe one for ``_checked``."""
    return f'{folder}/{name}' if path_fault(name) is None else name


def _checked(
    entries: Iterator[Entry], classes: int, split: str
) -> list[Entry]:
    checked = []
    for name, label in entries:
        fault = path_fault(name)
        if fault is None and (
            not isinstance(label, int) or not 0 <= label < classes
        ):
            fault = f'{name}: label {label!r} is not from 0 to {classes - 1}'
        if fault is not None:
            raise ValueError(f'{split}: {fault}; download the list again')
        checked.append((name, label))
    if not checked:
        raise ValueError(f'{split}: the list is empty; download it again')
    return checked


def _find(root: Path, name: str, folder: str) -> Path:
    """Return the path of a list in its archive's folder, or next to it."""
    for path in (root / folder / name, root / name):
        if path.is_file():
            return path
    raise ValueError(
        f'{root}: neither {folder}/{name} nor {name}; extract the archive of '
        'lists there'
    )


def _lines(path: Path) -> Iterator[Entry]:
    text = path.read_text(encoding='utf-8', errors='replace')
    # Not splitlines(), which splits at other characters, too.
    for number, line in enumerate(text.split('\n'), 1):
        if not line.strip():
            continue
        name, _, label = line.strip().rpartition(' ')
        if not name or not label.isdecimal():
            raise ValueError(
                f'{path}, line {number}: {line[:200]!r} is not a path and a '
                f'label; download the list again'
            )
        yield name, int(label)
