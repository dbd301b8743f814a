"""Verification of COCO's layout, one fault at a time."""

import json
import math

import pytest
from PIL import Image

from mixmae.data_tools.verification.inspection import Opening
from mixmae.data_tools.verification.verifier import verify

NAME = 'instances_val.json, annotation 1 '


def set_box(change):
    def changed(content):
        box = content['annotations'][0]['bbox']
        content['annotations'][0]['bbox'] = change(box)

    return changed


def set_in(part, index, **values):
    return lambda content: content[part][index].update(values)


def test_valid_scenes(scenes, look):
    assert look('coco-format', scenes / 'coco') == []


@pytest.mark.parametrize(
    'change, named, words',
    [
        (
            set_box(lambda box: [box[0], box[1], 40, box[3]]),
            NAME,
            'beyond the image of 16 x 16',
        ),
        (set_box(lambda box: [-9, *box[1:]]), NAME, 'px beyond the image'),
        (set_box(lambda box: [*box[:3], -4]), NAME, 'empty or inverted'),
        (set_box(lambda box: [*box[:3], math.nan]), NAME, 'not finite'),
        (set_box(lambda box: [10**400, *box[1:]]), NAME, 'that is too large'),
        (set_box(lambda box: box[:3]), NAME, 'list of four numbers'),
        (set_box(lambda box: 'x'), NAME, 'list of four numbers'),
        (
            set_in('annotations', 0, category_id=11),
            'annotation 1:',
            'category_id 11 does not exist in categories (10 with',
        ),
        (
            set_in('annotations', 0, category_id=[1]),
            'annotation 1:',
            'does not exist in categories',
        ),
        (
            set_in('annotations', 0, image_id=99),
            'annotation 1:',
            'image_id 99 does not exist in images',
        ),
        (
            set_in('annotations', 0, image_id=[1]),
            'annotation 1:',
            'image_id [1] does not exist in images',
        ),
        (set_in('annotations', 0, area=None), NAME, 'area is None'),
        (
            set_in(
                'annotations',
                0,
                segmentation={'size': [8, 16], 'counts': [0, 128]},
            ),
            NAME,
            'mask is of 16 x 8 px (width x height), the image of 16 x 16',
        ),
        (
            set_in('annotations', 0, segmentation=[[1, 1, 2, 2]]),
            NAME,
            'no polygon of at least three points',
        ),
        (
            set_in('annotations', 1, id=1),
            'annotation [1]:',
            'id 1 is also used by annotation [0]',
        ),
        (
            set_in('annotations', 1, id=None),
            'annotation [1]:',
            'id is None',
        ),
        (
            set_in('images', 1, id=1),
            'image [1]:',
            'id 1 is also used by image [0]',
        ),
        (
            set_in('images', 1, file_name='000000.png'),
            'image 2:',
            "file_name '000000.png' is also used by image [0]",
        ),
        (
            set_in('categories', 1, name='apple'),
            'category 2:',
            "name 'apple' is also used by category [0]",
        ),
        (
            set_in('images', 0, width=0),
            'image 1:',
            'not two numbers from 1 to 1,000,000',
        ),
        (
            set_in('images', 0, height=10**400),
            'image 1:',
            'not two numbers from 1 to 1,000,000',
        ),
        (
            set_in('images', 0, file_name='../train/000000.png'),
            'image 1:',
            'leads out of the folder',
        ),
        (
            set_in('images', 0, file_name='/etc/passwd'),
            'image 1:',
            'is absolute',
        ),
        (
            set_in('images', 0, file_name=None),
            'image 1:',
            'file name None is not a string',
        ),
        (
            set_in('images', 0, file_name='gone.png'),
            'image 1:',
            'val/gone.png does not exist; extract the images again',
        ),
        (
            set_in('images', 0, width=20, height=17),
            'instances_val.json: ',
            'val/000000.png has 16 x 16 px (width x height), but its labels '
            'are for 20 x 17 px',
        ),
    ],
)
def test_each_fault_is_named(scenes, look, edit, change, named, words):
    path = edit(change)
    problems = look('coco-format', scenes / 'coco')
    found = [p for p in problems if words in p]
    assert found, problems
    assert str(path) in found[0] and named in found[0]
    assert '\n' not in found[0]


def test_one_fault_gives_one_line(scenes, look, edit):
    """One fault is reported in one line."""
    edit(set_in('annotations', 0, category_id=11))
    assert len(look('coco-format', scenes / 'coco')) == 1


@pytest.mark.parametrize(
    'spoil, words',
    [
        (lambda text: text[:-200], 'invalid JSON'),
        (lambda text: '', 'invalid JSON'),
        (lambda text: '[' * 100_000, 'invalid JSON'),
        (lambda text: '[]', 'holds a list, not an object'),
        (lambda text: '{"images": []}', 'has no list of annotations'),
        (
            lambda text: (
                '{"images": [1], "annotations": [], "categories": []}'
            ),
            'an entry of images is not an object',
        ),
    ],
)
def test_corrupt_files_are_one_line(scenes, look, spoil, words):
    path = scenes / 'coco' / 'annotations' / 'instances_val.json'
    path.write_text(spoil(path.read_text()))
    problems = look('coco-format', scenes / 'coco')
    assert len(problems) == 1
    assert str(path) in problems[0] and words in problems[0]
    assert len(problems[0]) < 400


def test_bytes_that_are_not_utf8(scenes, look):
    path = scenes / 'coco' / 'annotations' / 'instances_val.json'
    path.write_bytes(b'\xff\xfe\x00')
    problems = look('coco-format', scenes / 'coco')
    assert len(problems) == 1 and 'invalid JSON' in problems[0]


def test_missing_parts(scenes, look):
    (scenes / 'coco' / 'val' / '000003.png').unlink()
    problems = look('coco-format', scenes / 'coco')
    assert len(problems) == 1
    assert 'instances_val.json, image 4' in problems[0]
    for path in (scenes / 'coco' / 'val').iterdir():
        path.unlink()
    (scenes / 'coco' / 'val').rmdir()
    problems = look('coco-format', scenes / 'coco')
    assert len(problems) == 1 and 'val: no such folder' in problems[0]
    for path in (scenes / 'coco' / 'annotations').iterdir():
        path.unlink()
    problems = look('coco-format', scenes / 'coco')
    assert 'no file instances_<split>.json' in problems[0]


def test_corrupt_images(scenes, look):
    path = scenes / 'coco' / 'val' / '000003.png'
    data = path.read_bytes()
    # The layouts share their pictures by hard links.
    path.unlink()
    path.write_bytes(data[: len(data) // 2])
    problems = look('coco-format', scenes / 'coco')
    assert len(problems) == 1 and str(path) in problems[0]
    assert look('coco-format', scenes / 'coco', opening=Opening('none')) == []


def test_the_orientation_counts_as_in_training(tmp_path, look):
    """OpenCV, which mmdet uses, applies the EXIF orientation."""
    root = tmp_path / 'set'
    (root / 'annotations').mkdir(parents=True)
    (root / 'val').mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (16, 8)).save(root / 'val' / 'a.jpg', exif=exif)
    image = {'id': 1, 'file_name': 'a.jpg', 'width': 8, 'height': 16}
    content = {'images': [image], 'annotations': [], 'categories': []}
    path = root / 'annotations' / 'instances_val.json'
    path.write_text(json.dumps(content))
    assert not [line for line in look('coco-format', root) if 'px' in line]
    image.update(width=16, height=8)
    path.write_text(json.dumps(content))
    assert 'labels for 16 x 8 px' in '\n'.join(look('coco-format', root))


def test_entries_that_mmdet_skips_are_noted(scenes, edit):
    def spoil(content):
        x, y, *_ = content['annotations'][0]['bbox']
        content['annotations'][0]['bbox'] = [x, y, 0, 3]
        polygons = [[1, 1, 2, 2], [0, 0, 4, 0, 4, 4]]
        content['annotations'][1]['segmentation'] = polygons
        (scenes / 'coco' / 'val' / 'more.png').touch()

    edit(spoil)
    check = verify('coco-format', scenes / 'coco', Opening())
    assert check.problems == []
    notes = '\n'.join(check.notes)
    assert '1 objects are less than a pixel' in notes
    assert '1 polygons have fewer than three points' in notes
    assert '1 images are not listed in' in notes


def test_a_named_file_and_folder(scenes, look, edit):
    root = scenes / 'coco'
    path = edit(set_in('annotations', 0, image_id=99))
    options = {'annotations': path, 'images': root / 'val'}
    assert len(look('coco-format', root, **options)) == 1
    options['annotations'] = root / 'gone.json'
    assert 'file does not exist' in look('coco-format', root, **options)[0]


def test_coco_itself_is_counted(scenes, look):
    root = scenes / 'coco'
    for split in ('train', 'val'):
        (root / split).rename(root / f'{split}2017')
        path = root / 'annotations' / f'instances_{split}.json'
        path.rename(path.with_name(f'instances_{split}2017.json'))
    assert look('coco', root, subset=True) == []
    problems = '\n'.join(look('coco', root))
    assert 'train: 12 images, 118,275 fewer than the 118,287' in problems
    assert 'val: 12 images, 4,988 fewer than the 5,000' in problems
    assert '10 classes, COCO 2017 has 80' in problems
