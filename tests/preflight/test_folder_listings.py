"""Folders that other libraries list: what they leave out, and circles."""

import os

import pytest

from mixmae.fileio.image_listing import ImageListing
from mixmae.preflight.folder_listings import circles
from tests.preflight.labelled_sets import (
    class_set,
    classification,
    preflight,
    segmentation,
    segmentation_set,
)


@pytest.mark.parametrize(
    'repeated, found',
    [
        ({}, []),
        ({'a/up': ''}, ['a/up']),
        ({'a/up': 'a'}, ['a/up']),
        ({'b': 'a'}, []),
        ({'ab/x': 'a'}, []),
        ({'a/x': 'b', 'b/y': 'a'}, ['a/x', 'b/y']),
        (
            {'a/x': 'b', 'b/y': 'c', 'c/z': 'a', 'd': 'a'},
            ['a/x', 'b/y', 'c/z'],
        ),
        ({'a/x': 'b', 'b/y': 'c'}, []),
    ],
)
def test_circles(repeated, found):
    assert circles(ImageListing(repeated=repeated)) == found


def classes(tmp_path):
    pytest.importorskip('mmpretrain')
    root = class_set(tmp_path / 'data')
    place = next(one for one in (root / 'train').iterdir() if one.is_dir())
    return place, classification(root)


def maps(tmp_path):
    pytest.importorskip('mmseg')
    root = segmentation_set(tmp_path / 'data')
    return root / 'images' / 'train', segmentation(root)


@pytest.mark.parametrize('make', [classes, maps])
@pytest.mark.filterwarnings('ignore')
def test_what_is_left_out_is_counted(tmp_path, make):
    place, config = make(tmp_path)
    for name in ('a.heic', 'b.heic', 'notes.txt'):
        (place / name).touch()
    os.mkfifo(place / 'pipe.jpg')
    count = 3 if make is classes else 2
    findings, raised = preflight(config, tmp_path, num_classes=count)
    assert raised is None
    text = '\n'.join(findings['folders'].warnings)
    assert 'left out by suffix: 2 .heic, 1 .txt' in text
    assert 'no regular files: 1 named pipe' in text


@pytest.mark.parametrize('make', [classes, maps])
@pytest.mark.filterwarnings('ignore')
def test_a_circle_is_an_error(tmp_path, make):
    place, config = make(tmp_path)
    for name in ('one', 'two'):
        (place / name).symlink_to('.')
    _, raised = preflight(config, tmp_path)
    lines = str(raised).splitlines()
    assert sum('leads back to' in line for line in lines) == 2
    assert any(f'{place}/one leads back to {place}' in line for line in lines)


@pytest.mark.filterwarnings('ignore')
def test_capitals_count_for_mmseg(tmp_path):
    place, config = maps(tmp_path)
    (place / '9.JPG').touch()
    findings, _ = preflight(config, tmp_path)
    assert 'suffix: 1 .JPG' in '\n'.join(findings['folders'].warnings)


@pytest.mark.filterwarnings('ignore')
def test_a_folder_that_is_read_twice(tmp_path):
    place, config = classes(tmp_path)
    (place / 'more').mkdir()
    (place / '0.jpg').touch()
    (place.parent / 'zz').symlink_to(place.name)
    findings, _ = preflight(config, tmp_path)
    text = '\n'.join(findings['folders'].warnings)
    assert 'reached by two paths; read twice' in text
