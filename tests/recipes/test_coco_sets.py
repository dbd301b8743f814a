"""Users' annotations in COCO format, completed and split."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mixmae.datasets.labels.coco_entry_faults import (
    coco_entry_faults,
    read_coco,
)
from mixmae.recipes.coco_sets import read_coco_sets
from mixmae.recipes.fine_tuning_settings import FineTuningOptions

DEFAULTS = FineTuningOptions()


def write_coco(
    path: Path, count: int = 10, folder: str = 'images', **changes: object
) -> None:
    """Ids with gaps; every fifth image is empty, one category unused."""
    categories = [(2, 'a'), (5, 'unused'), (90, 'b')]
    entries, objects = [], []
    for k in range(count):
        number = 3 + 7 * k
        entries.append(
            dict(id=number, file_name=f'{k}.png', width=40, height=30)
        )
        file = path.parent / folder / f'{k}.png'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        if k % 5 != 4:
            box = [4, 5, 20, 10]
            mask = [[4, 5, 24, 5, 24, 15, 4, 15]]
            objects.append(
                dict(
                    id=11 * k,
                    image_id=number,
                    category_id=[2, 90][k % 2],
                    bbox=box,
                    segmentation=mask,
                )
            )
    content = dict(
        images=entries,
        annotations=objects,
        categories=[dict(id=k, name=name) for k, name in categories],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**content, **changes}))


def test_images_in_a_folder_of_any_name(tmp_path: Path) -> None:
    """As long as only one folder has them."""
    write_coco(tmp_path / 'labels.json', folder='meine Bilder')
    sets = read_coco_sets(tmp_path / 'labels.json', DEFAULTS)
    assert sets.train.images == tmp_path / 'meine Bilder'
    write_coco(tmp_path / 'labels.json', folder='second')
    with pytest.raises(ValueError, match='--images'):
        read_coco_sets(tmp_path / 'labels.json', DEFAULTS)


def test_a_file_is_completed_and_split(tmp_path: Path) -> None:
    write_coco(tmp_path / 'labels.json')
    sets = read_coco_sets(tmp_path / 'labels.json', DEFAULTS)
    assert sets.classes == ('a', 'b') and sets.with_mask
    sets.write(tmp_path / 'out')
    contents = [
        read_coco(tmp_path / f'out/{s}.json') for s in ('train', 'val')
    ]
    ids = [image['id'] for one in contents for image in one['images']]
    assert sorted(ids) == [3 + 7 * k for k in range(10)]
    assert len(contents[1]['images']) == 3
    for content in contents:
        assert not list(coco_entry_faults('', content))
        assert [c['id'] for c in content['categories']] == [2, 90]
        for entry in content['annotations']:
            assert entry['iscrowd'] == 0 and entry['area'] == 200
        for image in content['images']:
            assert (sets.root() / image['file_name']).is_file()
    # The file itself stays as it is.
    assert 'iscrowd' not in (tmp_path / 'labels.json').read_text()


@pytest.mark.parametrize(
    ('train', 'val', 'images'),
    [
        # COCO's, Roboflow's, and a plain layout.
        (
            'annotations/instances_train2017.json',
            'annotations/instances_val2017.json',
            '../{split}2017',
        ),
        (
            'train/_annotations.coco.json',
            'valid/_annotations.coco.json',
            '',
        ),
        ('train.json', 'val.json', 'images'),
    ],
)
def test_layouts(tmp_path: Path, train: str, val: str, images: str) -> None:
    write_coco(tmp_path / train, 6, images.format(split='train'))
    write_coco(tmp_path / val, 3, images.format(split='val'))
    sets = read_coco_sets(tmp_path, DEFAULTS)
    assert len(sets.train.content['images']) == 6
    assert len(sets.val.content['images']) == 3
    for split in (sets.train, sets.val):
        assert (split.images / '0.png').is_file()


def test_images_behind_a_symbolic_link(tmp_path: Path) -> None:
    write_coco(tmp_path / 'disk/train.json', 10, 'photos')
    work = tmp_path / 'deep/down/work'
    work.mkdir(parents=True)
    (tmp_path / 'disk/train.json').rename(work / 'labels.json')
    (work / 'images').symlink_to(tmp_path / 'disk/photos')
    sets = read_coco_sets(work / 'labels.json', DEFAULTS)
    sets.write(tmp_path / 'out')
    for split in ('train', 'val'):
        content = read_coco(tmp_path / f'out/{split}.json')
        for image in content['images']:
            assert '..' not in image['file_name']
            assert (sets.root() / image['file_name']).is_file()


def test_boxes_without_masks(tmp_path: Path) -> None:
    write_coco(tmp_path / 'labels.json')
    content = json.loads((tmp_path / 'labels.json').read_text())
    content['annotations'][0]['segmentation'] = []
    (tmp_path / 'labels.json').write_text(json.dumps(content))
    sets = read_coco_sets(tmp_path / 'labels.json', DEFAULTS)
    assert not sets.with_mask
    assert any('1 of 8 objects have no mask' in note for note in sets.notes)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(annotations=[]), 'no objects to train on'),
        (dict(images=[]), 'annotation 0.*: image_id 3 '),
        (
            dict(categories=[dict(id=2, name='a')]),
            'category_id 90 ',
        ),
    ],
)
def test_files_that_cannot_be_used(
    tmp_path: Path, changes: dict, message: str
) -> None:
    write_coco(tmp_path / 'labels.json', **changes)
    with pytest.raises(ValueError, match=message):
        read_coco_sets(tmp_path / 'labels.json', DEFAULTS)


def test_missing_images(tmp_path: Path) -> None:
    write_coco(tmp_path / 'labels.json')
    (tmp_path / 'images/7.png').unlink()
    with pytest.raises(ValueError, match='1 of 10 images are not in'):
        read_coco_sets(tmp_path / 'labels.json', DEFAULTS)
    with pytest.raises(ValueError, match='pass the folder of the images'):
        read_coco_sets(
            tmp_path / 'labels.json',
            FineTuningOptions(images=tmp_path / 'nowhere'),
        )


def test_names_with_backslashes(tmp_path: Path) -> None:
    write_coco(tmp_path / 'labels.json')
    content = json.loads((tmp_path / 'labels.json').read_text())
    for image in content['images']:
        image['file_name'] = f'images\\{image["file_name"]}'
    (tmp_path / 'labels.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r'separated by /, not by \\'):
        read_coco_sets(tmp_path / 'labels.json', DEFAULTS)


def test_categories_of_the_splits_differ(tmp_path: Path) -> None:
    write_coco(tmp_path / 'train.json')
    names = [dict(id=2, name='b'), dict(id=90, name='a')]
    write_coco(tmp_path / 'val.json', categories=names)
    with pytest.raises(ValueError, match='different categories'):
        read_coco_sets(tmp_path, DEFAULTS)


def test_several_files(tmp_path: Path) -> None:
    write_coco(tmp_path / 'one.json')
    write_coco(tmp_path / 'two.json')
    with pytest.raises(ValueError, match='several JSON files'):
        read_coco_sets(tmp_path, DEFAULTS)


def test_a_folder_without_annotations(tmp_path: Path) -> None:
    (tmp_path / '1.png').touch()
    with pytest.raises(ValueError, match='holds no JSON file'):
        read_coco_sets(tmp_path, DEFAULTS)


@pytest.mark.parametrize('name', ['0.xml', 'labels/0.txt', 'data.YAML'])
def test_labels_of_other_formats(tmp_path: Path, name: str) -> None:
    (tmp_path / 'labels').mkdir()
    (tmp_path / name).write_text('<annotation></annotation>')
    for data in (tmp_path, tmp_path / name):
        with pytest.raises(ValueError, match=r'convert .* VOC .* or YOLO'):
            read_coco_sets(data, DEFAULTS)


def test_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Mmdet would not read it."""
    path = tmp_path / 'labels.json'
    write_coco(path)
    path.write_text(path.read_text(), 'utf-8-sig')
    with pytest.raises(ValueError, match='without a byte order mark'):
        read_coco_sets(path, DEFAULTS)


def test_ids_that_are_fractions(tmp_path: Path) -> None:
    """As a table with missing values writes them."""
    path = tmp_path / 'labels.json'
    write_coco(path)
    path.write_text(path.read_text().replace('"id": 3,', '"id": 3.0,'))
    with pytest.raises(ValueError, match='3.0, not a whole number or a str'):
        read_coco_sets(path, DEFAULTS)
