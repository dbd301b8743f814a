"""Verification of class folders and of image lists, one fault at a time."""

import os
import shutil

import pytest
from PIL import Image

from mixmae.data_tools.verification.classification_set import (
    verify_class_folders,
)
from mixmae.data_tools.verification.dataset_check import DatasetCheck
from mixmae.data_tools.verification.inspection import Opening
from mixmae.data_tools.verification.known_sets import KnownSet

LINES = ['a/1.jpg 0', 'a/2.jpg 204', 'b c/1.jpg 3']


def test_valid_scenes(scenes, look):
    assert look('class-folders', scenes / 'imagenet') == []


def test_missing_split(scenes, look):
    shutil.rmtree(scenes / 'imagenet' / 'val')
    problems = look('class-folders', scenes / 'imagenet')
    assert len(problems) == 1
    assert 'imagenet/val: no such folder' in problems[0]


def test_missing_class(scenes, look):
    shutil.rmtree(scenes / 'imagenet' / 'val' / 'fish')
    problems = look('class-folders', scenes / 'imagenet')
    assert len(problems) == 1
    assert 'imagenet/val: lacks class fish' in problems[0]


def test_empty_class(scenes, look):
    for split in ('train', 'val'):
        (scenes / 'imagenet' / split / 'zebra').mkdir()
    problems = look('class-folders', scenes / 'imagenet')
    assert len(problems) == 2
    assert 'train/zebra: no images' in problems[0]


def test_images_outside_of_class_folders(scenes, look):
    """The official archive of ILSVRC's validation images is flat."""
    Image.new('RGB', (4, 4)).save(scenes / 'imagenet/val/a.JPEG')
    problems = look('class-folders', scenes / 'imagenet')
    assert len(problems) == 1
    assert 'imagenet/val: 1 images are outside of class folders' in problems[0]


def test_corrupt_image(scenes, look):
    path = scenes / 'imagenet/train/fish/bad.jpg'
    path.write_bytes(b'no picture')
    problems = look('class-folders', scenes / 'imagenet')
    assert len(problems) == 1
    assert str(path) in problems[0] and 'no image' in problems[0]


def test_files_mmpretrain_does_not_read_are_noted(scenes):
    (scenes / 'imagenet/train/fish/a.webp').touch()
    check = DatasetCheck(Opening('none'))
    verify_class_folders(scenes / 'imagenet', check)
    assert check.count == 0
    assert 'train/fish: 1 files' in check.notes[0]


def test_imagenet_is_counted(scenes, look):
    assert look('imagenet', scenes / 'imagenet', subset=True) != []
    problems = '\n'.join(look('imagenet', scenes / 'imagenet'))
    assert '12 images, 1,281,155 fewer than the 1,281,167' in problems
    assert 'val: 12 images, 49,988 fewer than the 50,000' in problems
    assert 'train: 10 classes, ImageNet-1K (ILSVRC 2012) has' in problems
    assert 'train/apple: class folders have names like n01440764' in problems


def test_exact_counts_pass_and_others_do_not(scenes):
    def problems(**changes):
        figures = {
            'classes': 10,
            'images': {'train': 12, 'val': 12},
            'title': 'Scenes',
            'page': '',
        }
        known = KnownSet(**(figures | changes))
        check = DatasetCheck(Opening('none'), known)
        verify_class_folders(scenes / 'imagenet', check)
        return check.problems

    assert problems() == []
    assert '1 more than' in problems(images={'train': 11, 'val': 12})[0]
    assert '1 fewer than' in problems(images={'train': 12, 'val': 13})[0]
    assert 'has 11' in problems(classes=11)[0]
    unequal = problems(per_class={'val': 1})
    assert unequal and 'each should have 1' in unequal[0]


def test_link_cycles(scenes, look):
    """mmpretrain's listing would follow them without end."""
    fish = scenes / 'imagenet' / 'train' / 'fish'
    (fish / 'more').mkdir()
    (fish / 'more' / 'up').symlink_to('../..')
    (fish / 'self').symlink_to('.')
    problems = look('class-folders', scenes / 'imagenet')
    assert len(problems) == 2
    assert 'fish/self: links back to' in problems[0]
    assert 'fish/more/up/fish: links back to' in problems[1]


def test_a_class_that_cannot_be_listed(scenes, look, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith('train/fish'):
            raise PermissionError(13, 'Permission denied', str(path))
        return scandir(path)

    monkeypatch.setattr(os, 'scandir', refuse)
    problems = look('class-folders', scenes / 'imagenet')
    assert any(
        'train/fish: cannot be listed (Permission denied)' in problem
        for problem in problems
    )


@pytest.fixture
def root(tmp_path, rendered):
    """Write three images, in both lists."""
    picture = (rendered / 'coco' / 'val' / '000000.png').read_bytes()
    for folder in ('a', 'b c', 'meta'):
        (tmp_path / folder).mkdir()
    for name in ('a/1.jpg', 'a/2.jpg', 'b c/1.jpg'):
        (tmp_path / name).write_bytes(picture)
    write(tmp_path, LINES)
    (tmp_path / 'meta' / 'val.txt').write_text('\n'.join(LINES))
    return tmp_path


def write(root, lines):
    (root / 'meta' / 'train.txt').write_text('\n'.join(lines) + '\n')


def test_valid_lists(root, look):
    assert look('places205', root, subset=True) == []


@pytest.mark.parametrize(
    'line, words',
    [
        ('a/1.jpg 0', 'a/1.jpg is also in line 1'),
        ('a/3.jpg 0', 'a/3.jpg does not exist'),
        ('a/1.jpg', 'is not a path and a label from 0 to 204'),
        ('a/1.jpg 205', 'is not a path and a label from 0 to 204'),
        ('a/1.jpg -1', 'is not a path and a label'),
        ('a/1.jpg 0.5', 'is not a path and a label'),
        ('', 'is not a path and a label'),
        ('../x.jpg 1', 'leads out of the folder'),
        ('a\\..\\..\\x.jpg 1', 'leads out of the folder'),
        ('/etc/x.jpg 1', 'is absolute'),
        ('C:\\x.jpg 1', 'is absolute'),
    ],
)
def test_each_fault_is_named(root, look, line, words):
    write(root, [*LINES, line])
    problems = look('places205', root, subset=True)
    assert len(problems) == 1
    assert f'{root}/meta/train.txt, line 4: ' in problems[0]
    assert words in problems[0]


def test_missing_list(root, look):
    (root / 'meta' / 'train.txt').unlink()
    problems = look('inaturalist2018', root, subset=True)
    assert 'make_lists.py inaturalist2018' in problems[0]


def test_corrupt_listed_image(root, look):
    (root / 'a' / '2.jpg').write_bytes(b'')
    problems = look('places205', root, subset=True)
    assert len(problems) == 2
    assert f'{root}/a/2.jpg' in problems[0]


def test_counts(root, look):
    problems = '\n'.join(look('places205', root))
    assert 'train: 3 images, 2,448,870 fewer than the 2,448,873' in problems
    assert 'val: 3 images, 20,497 fewer than the 20,500' in problems
    assert 'val: class 0 has 1 images, each should have 100' in problems
    assert 'train: 3 classes, Places205 has 205' in problems
