"""Parts of a labelled image folder, as folders of links."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

# Every tenth training image of a class: held out for the selection, or alone,
# as a small set.
HELD_OUT = 10

Files = Mapping[str, Sequence[Path]]


def class_files(folder: Path) -> dict[str, list[Path]]:
    """Return the sorted files of each class of ``folder/<class>/*``.

    Raises:
        ValueError: There is none.
    """
    found = {
        part.name: sorted(path for path in part.iterdir() if path.is_file())
        for part in sorted(folder.glob('*'))
        if part.is_dir()
    }
    if not any(found.values()):
        raise ValueError(f'no images in {folder}/<class>/')
    return found


def image_view(data: Path, images: str, labels: int, seed: int) -> dict:
    """Return the images to train on and those to measure on.

    Args:
        data: Folder with ``train/<class>`` and ``val/<class>``.
        images: 'train' for these two, 'selection' for two parts of the first,
            'small' for a tenth of the first and the second.
        labels: Number of images to train on, equally many of each class;
            0 = all.
        seed: Seed of their selection.

    Returns:
        ``train`` and ``val``, each the files of every class.

    Raises:
        ValueError: A class has too few images.
    """
    train = class_files(data / 'train')
    tenth = {name: files[::HELD_OUT] for name, files in train.items()}
    if images == 'selection':
        val = tenth
        train = {
            name: [f for i, f in enumerate(files) if i % HELD_OUT]
            for name, files in train.items()
        }
    else:
        val = class_files(data / 'val')
        train = tenth if images == 'small' else train
    if labels:
        each = labels // len(train)
        draw = random.Random(seed)
        short = [name for name in train if len(train[name]) < each]
        if short or not each:
            raise ValueError(
                f'{labels} labels are {each} of each class, which '
                f'{short or "no class"} cannot give'
            )
        train = {
            name: sorted(draw.sample(files, each))
            for name, files in train.items()
        }
    return {'train': train, 'val': val}


def link_view(view: Mapping[str, Files], folder: Path) -> Path:
    """Write a view as ``folder/{train,val}/<class>/<file>``, once.

    Returns:
        The folder.
    """
    if folder.exists():
        return folder
    partial = folder.with_name(f'.{folder.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    for split, classes in view.items():
        for name, files in classes.items():
            target = partial / split / name
            target.mkdir(parents=True)
            for file in files:
                (target / file.name).symlink_to(file.resolve())
    partial.rename(folder)
    return folder
