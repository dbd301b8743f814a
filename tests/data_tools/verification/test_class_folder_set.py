"""Verification of ImageNet's layout, one fault at a time."""

import os
import shutil

from PIL import Image

from mixmae.data_tools.verification.class_folder_set import (
    verify_class_folders,
)
from mixmae.data_tools.verification.dataset_check import DatasetCheck
from mixmae.data_tools.verification.image_files import Opening
from mixmae.data_tools.verification.known_sets import KnownSet


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
