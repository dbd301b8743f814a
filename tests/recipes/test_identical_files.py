"""Identical files among labelled images."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mixmae.recipes.class_lists import read_class_lists
from mixmae.recipes.coco_sets import read_coco_sets
from mixmae.recipes.fine_tuning_settings import FineTuningOptions
from mixmae.recipes.identical_files import copy_notes, find_copies
from mixmae.recipes.labelled_split import split_off
from mixmae.recipes.mask_sets import read_mask_sets

DEFAULTS = FineTuningOptions()


def write(folder: Path, **contents: bytes) -> list[str]:
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [str(folder / name) for name in contents]


def test_copies_are_found_by_their_whole_content(tmp_path: Path) -> None:
    tail = bytes(9000)
    paths = write(
        tmp_path,
        a=b'1' + tail,
        same_size_and_end=b'2' + tail,
        other_size=b'1' + tail + b'1',
        copy=b'1' + tail,
        empty=b'',
        also_empty=b'',
    )
    os.link(paths[1], tmp_path / 'link')
    paths += [str(tmp_path / 'link'), *2 * [str(tmp_path / 'missing')]]
    assert find_copies(paths) == {3: 0, 6: 1}


@pytest.mark.parametrize('seed', range(5))
def test_copies_stay_on_one_side_of_a_split(seed: int) -> None:
    groups = [index % 2 for index in range(40)]
    copies = {index: index - 5 for index in range(5, 40, 10)}
    kept, drawn = split_off(groups, 0.3, seed, copies)
    assert sorted(kept + drawn) == [*range(40)]
    for copy, first in copies.items():
        assert (copy in drawn) == (first in drawn)


def test_copies_are_not_enough_for_a_split() -> None:
    with pytest.raises(ValueError, match='1 different labelled images'):
        split_off([0, 0], 0.2, copies={1: 0})


def test_notes() -> None:
    names = ['a', 'b', 'c', 'd', 'e']
    same, contrary, leaked = copy_notes(
        {1: 0, 4: 0, 3: 2}, names, [0, 1, 2], [0, 0, 1, 1, 1]
    )
    assert 'another: 3, such as b and a' in same
    assert 'classes: 1, such as e and a' in contrary
    assert 'training images: 2, such as e and a' in leaked
    assert not copy_notes({}, names, [0, 1, 2])


def pattern(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 255, (8, 8, 3), np.uint8)


def save(path: Path, index: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pattern(index)).save(path)


def leak(notes: tuple[str, ...]) -> bool:
    return any('identical to training images' in note for note in notes)


def test_class_folders(tmp_path: Path) -> None:
    for kind in 'ab':
        for index in range(10):
            # All images of b twice, and one of a among them.
            number = 100 * (kind == 'b') + index // (1 + (kind == 'b'))
            save(tmp_path / kind / f'{index}.png', number)
    save(tmp_path / 'b' / 'a.png', 0)
    found = read_class_lists(tmp_path, DEFAULTS)
    assert any('of two classes' in note for note in found.notes)
    assert not leak(found.notes)
    contents = [
        {(tmp_path / path).read_bytes() for path, _ in split}
        for split in (found.train, found.val)
    ]
    assert not contents[0] & contents[1]
    assert leak(
        read_class_lists(tmp_path, FineTuningOptions(val_data=tmp_path)).notes
    )


def test_masks(tmp_path: Path) -> None:
    for index in range(10):
        save(tmp_path / 'images' / f'{index}.png', index // 2)
        mask = tmp_path / 'masks' / f'{index}.png'
        mask.parent.mkdir(exist_ok=True)
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(mask)
    found = read_mask_sets(tmp_path, tmp_path / 'out', DEFAULTS)
    assert any('identical to another' in note for note in found.notes)
    assert not leak(found.notes) and found.val
    assert leak(
        read_mask_sets(
            tmp_path, tmp_path / 'out', FineTuningOptions(val_data=tmp_path)
        ).notes
    )


def test_coco(tmp_path: Path) -> None:
    images, objects = [], []
    for index in range(10):
        name = f'{index}.png'
        save(tmp_path / name, index // 2)
        images.append(dict(id=index, file_name=name, width=8, height=8))
        objects.append(
            dict(id=index, image_id=index, category_id=1, bbox=[1, 1, 4, 4])
        )
    content = dict(
        images=images, annotations=objects, categories=[dict(id=1, name='a')]
    )
    path = tmp_path / 'labels.json'
    path.write_text(json.dumps(content))
    found = read_coco_sets(path, DEFAULTS)
    assert any('identical to another' in note for note in found.notes)
    assert not leak(found.notes) and found.val.content['images']
    assert leak(read_coco_sets(path, FineTuningOptions(val_data=path)).notes)
