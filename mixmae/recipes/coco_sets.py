"""Own annotations in COCO format: found, completed, and split."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixmae.datasets.labels.coco_entry_faults import (
    coco_entry_faults,
    read_coco,
)
from mixmae.fileio.atomic_write import atomic_write
from mixmae.recipes.coco_files import annotation_files, image_folder
from mixmae.recipes.fine_tuning_settings import FineTuningOptions
from mixmae.recipes.labelled_split import hold_out


@dataclass(frozen=True)
class CocoSplit:
    """One annotation file and the folder of its images.

    Attributes:
        content: Content of the file.
        images: Folder that ``file_name`` is relative to.
    """

    content: dict
    images: Path

    def paths(self) -> list[str]:
        """Path of each image."""
        images = self.content['images']
        return [str(self.images / image['file_name']) for image in images]

    def sizes(self) -> list[tuple[int, int]]:
        """Width and height of each image."""
        return [(i['width'], i['height']) for i in self.content['images']]

    def empty(self) -> int:
        """Return the number of images without an object."""
        filled = {entry['image_id'] for entry in self.content['annotations']}
        return sum(i['id'] not in filled for i in self.content['images'])


@dataclass(frozen=True)
class CocoSets:
    """Annotations to train on and to validate on.

    Attributes:
        train: Annotations to train on.
        val: Annotations to validate on.
        classes: Names of the categories that have objects, in the order of
            the file.
        with_mask: Whether every object has a mask.
        notes: What was found and decided, a line each.
    """

    train: CocoSplit
    val: CocoSplit
    classes: tuple[str, ...]
    with_mask: bool
    notes: tuple[str, ...]

    def images_with(self) -> dict[str, int]:
        """Return the number of images to train on that show each class."""
        names = _names(self.train.content)
        shown: dict[str, set] = {name: set() for name in self.classes}
        for entry in self.train.content['annotations']:
            shown[names[entry['category_id']]].add(entry['image_id'])
        return {name: len(images) for name, images in shown.items()}

    def category_ids(self) -> list[Any]:
        """Return the id of each class in the annotations."""
        return list(_names(self.train.content))

    def objects(self) -> dict[str, int]:
        """Return the number of objects to train on of each class."""
        names = _names(self.train.content)
        entries = self.train.content['annotations']
        counts = Counter(names[entry['category_id']] for entry in entries)
        return {name: counts[name] for name in self.classes}

    def write(self, folder: Path) -> None:
        """Write ``train.json`` and ``val.json``.

        Names of images are relative to the folder that both have in common.
        """
        root = self.root()
        for name, split in (('train', self.train), ('val', self.val)):
            prefix = os.path.relpath(split.images.resolve(), root)
            images = [
                {
                    **image,
                    'file_name': os.path.normpath(
                        f'{prefix}/{image["file_name"]}'
                    ),
                }
                for image in split.content['images']
            ]
            with atomic_write(folder / f'{name}.json') as partial:
                text = json.dumps({**split.content, 'images': images})
                partial.write_text(text, 'utf-8')

    def root(self) -> Path:
        """Return the folder that has the images of both splits."""
        folders = [s.images.resolve() for s in (self.train, self.val)]
        return Path(os.path.commonpath(folders))


def read_coco_sets(
    data: str | os.PathLike, options: FineTuningOptions
) -> CocoSets:
    """Read annotations, complete and check them, and split them if need be.

    Args:
        data: A JSON file, or a folder with JSON files of one or two splits.
        options: Those of the call; ``val_data`` is a JSON file, and
            ``images`` None = search next to the file.

    Raises:
        ValueError: The data cannot be used for training; the message has the
            reason.
    """
    train_file, val_file, notes = annotation_files(Path(data))
    if options.val_data is not None:
        val_file = Path(options.val_data)
    train = _read(train_file, options.images, notes)
    if not train.content['annotations']:
        raise ValueError(f'{train_file}: no objects to train on')
    if val_file is not None:
        val = _read(val_file, options.images, notes)
        if _names(val.content) != _names(train.content):
            raise ValueError(
                f'{val_file} and {train_file} have different categories '
                f'({_listed(val.content)}; {_listed(train.content)}); write '
                f'the same list with the same ids in both'
            )
    kept, drawn, split_notes = hold_out(
        train.paths(),
        val.paths() if val_file is not None else [],
        _rarest_classes(train),
        options.val_share,
        options.seed,
    )
    notes += split_notes
    if val_file is None:
        train, val = _part(train, kept), _part(train, drawn)
    objects = train.content['annotations'] + val.content['annotations']
    used = {entry['category_id'] for entry in objects}
    names = _names(train.content)
    unused = [name for number, name in names.items() if number not in used]
    if unused:
        notes.append(f'categories without objects: {", ".join(unused)}')
        for split in (train, val):
            kinds = split.content['categories']
            kept_kinds = [one for one in kinds if one['id'] in used]
            split.content['categories'] = kept_kinds
    shown = {entry['category_id'] for entry in train.content['annotations']}
    unseen = [name for number, name in names.items() if number in used - shown]
    if unseen:
        notes.append(
            f'only in the validation data, so never learned: '
            f'{", ".join(unseen)}'
        )
    masked = [bool(entry.get('segmentation')) for entry in objects]
    if any(masked) and not all(masked):
        notes.append(
            f'{masked.count(False)} of {len(masked)} objects have no mask: '
            f'only boxes are trained'
        )
    return CocoSets(
        train,
        val,
        tuple(name for number, name in names.items() if number in used),
        all(masked),
        tuple(notes),
    )


def _names(content: Mapping[str, Any]) -> dict[Any, str]:
    return {entry['id']: entry['name'] for entry in content['categories']}


def _listed(content: Mapping[str, Any]) -> str:
    return ', '.join(f'{k}: {v}' for k, v in _names(content).items())


def _read(
    path: Path, images: str | os.PathLike | None, notes: list[str]
) -> CocoSplit:
    content = read_coco(path)
    added: Counter[str] = Counter()
    for entry in content['annotations']:
        if 'iscrowd' not in entry:
            entry['iscrowd'] = 0
            added['iscrowd=0'] += 1
        box = entry.get('bbox')
        if 'area' not in entry and isinstance(box, list) and len(box) == 4:
            entry['area'] = box[2] * box[3]
            added['the area of the box'] += 1
    notes += [f'{path}: {n} objects get {what}' for what, n in added.items()]
    faults = list(coco_entry_faults(path, content))
    if faults:
        more = f' ({len(faults) - 1} more)' if len(faults) > 1 else ''
        raise ValueError(f'{faults[0].text}{more}')
    if not content['images']:
        raise ValueError(f'{path}: there is no image')
    return CocoSplit(content, image_folder(path, content, images))


def _rarest_classes(whole: CocoSplit) -> list[str]:
    """Return the rarest class of each image, the group of it in a split."""
    content = whole.content
    counts = Counter(e['category_id'] for e in content['annotations'])
    rarest: dict[Any, Any] = {}
    for entry in content['annotations']:
        kind, image = entry['category_id'], entry['image_id']
        if image not in rarest or counts[kind] < counts[rarest[image]]:
            rarest[image] = kind
    return [repr(rarest.get(image['id'])) for image in content['images']]


def _part(whole: CocoSplit, indices: Sequence[int]) -> CocoSplit:
    images = [whole.content['images'][index] for index in indices]
    ids = {image['id'] for image in images}
    content = {
        **whole.content,
        'images': images,
        'annotations': [
            entry
            for entry in whole.content['annotations']
            if entry['image_id'] in ids
        ],
    }
    return CocoSplit(content, whole.images)
