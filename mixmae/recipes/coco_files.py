"""Files of own annotations in COCO format, found in a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixmae.fileio.image_listing import list_folder
from mixmae.recipes.labelled_split import TEST_NAMES, TRAIN_NAMES, VAL_NAMES

# Where exporters put images, relative to the annotation file.
IMAGE_FOLDERS = ('', 'images', 'data', 'imgs', '..', '../images', '../data')

# Of Pascal VOC, YOLO, and tables of boxes.
OTHER_LABELS = ('.xml', '.txt', '.yaml', '.yml', '.csv')
CONVERT = (
    "data is a JSON file of annotations in COCO's format, or a folder with "
    'one; convert labels of Pascal VOC (XML) or YOLO (text) to it first'
)


def annotation_files(path: Path) -> tuple[Path, Path | None, list[str]]:
    """Find the annotation files of a data set.

    Args:
        path: An annotation file, or a folder with them at any depth.

    Returns:
        The file to train on, that to validate on if there is one, and notes
        on what was chosen.

    Raises:
        ValueError: There is none, or several to choose from.
    """
    if not path.exists():
        raise ValueError(f'data: there is no {path.resolve()}')
    if path.is_file():
        if path.suffix.lower() in OTHER_LABELS:
            raise ValueError(f'{path}: {CONVERT}')
        return path, None, []
    found = [path / name for name in list_folder(str(path), ('.json',)).files]
    by_split: dict[str, list[Path]] = {'train': [], 'val': [], '': []}
    for file in found:
        words = {
            part
            for piece in file.relative_to(path).with_suffix('').parts
            for part in _words(piece)
        }
        if words & {*TEST_NAMES, 'captions', 'keypoints', 'panoptic'}:
            continue
        kind = 'train' if words & {*TRAIN_NAMES} else ''
        kind = 'val' if words & {*VAL_NAMES} else kind
        by_split[kind].append(file)
    train, val = by_split['train'] or by_split[''], by_split['val']
    if len(train) != 1 or len(val) > 1:
        names = [str(file.relative_to(path)) for file in found]
        if not names:
            raise ValueError(f'{path}: holds no JSON file; {CONVERT}')
        raise ValueError(
            f'{path}: several JSON files to choose from: {len(names)} '
            f'({", ".join(names[:6])}); pass the training file as data, and '
            'the validation file as val_data'
        )
    notes = [f'annotations: {train[0]}']
    if val:
        notes.append(f'validation: {val[0]}')
    return train[0], val[0] if val else None, notes


def _words(name: str) -> list[str]:
    """Return the words of a name, lower case, without years."""
    for separator in '_-. ':
        name = name.replace(separator, ' ')
    return [word.rstrip('0123456789') for word in name.lower().split()]


def image_folder(
    path: Path, content: Mapping[str, Any], images: str | os.PathLike | None
) -> Path:
    """Return the folder that has the images of an annotation file.

    Args:
        images: The folder, if the call names it.

    Raises:
        ValueError: An image is missing.
    """
    names = [image['file_name'] for image in content['images']]
    places = [path.parent / name for name in IMAGE_FOLDERS]
    # COCO's own layout: annotations/instances_train2017.json, train2017/
    places.append(path.parent.parent / path.stem.rpartition('_')[2])
    places.append(path.parent / path.stem)
    if images is not None:
        places = [Path(images)]
    else:
        # Of any name, if only one of them has the image.
        others = [
            place
            for place in sorted(path.parent.iterdir())
            if place not in places and (place / names[0]).is_file()
        ]
        places += others if len(others) == 1 else []
    for place in places:
        if (place / names[0]).is_file():
            missing = [n for n in names if not (place / n).is_file()]
            if missing:
                raise ValueError(
                    f'{path}: {len(missing)} of {len(names)} images are not '
                    f'in {place.resolve()} (first: {missing[0]})'
                )
            return Path(os.path.normpath(place))
    where = (
        f'{images}'
        if images is not None
        else f'{path.parent} or its folders, nor beside it'
    )
    remedy = 'pass the folder of the images (images, --images)'
    if '\\' in names[0]:
        remedy = 'its folders must be separated by /, not by \\'
    raise ValueError(f'{path}: there is no {names[0]} in {where}; {remedy}')
