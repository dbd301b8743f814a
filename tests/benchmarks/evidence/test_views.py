"""Subsets of an image folder."""

import pytest

from benchmarks.evidence.views import image_view


@pytest.fixture
def data(tmp_path):
    for split, count in (('train', 25), ('val', 4)):
        for name in ('cat', 'dog'):
            folder = tmp_path / 'data' / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                file = folder / f'{number:03d}.jpg'
                file.write_text(f'{split} {name} {number}')
    return tmp_path / 'data'


def files(view, split):
    return {file for part in view[split].values() for file in part}


def test_the_selection_uses_no_test_images(data):
    whole = image_view(data, 'train', 0, 0)
    selection = image_view(data, 'selection', 0, 0)
    train, val = files(selection, 'train'), files(selection, 'val')
    assert not train & val
    assert train | val == files(whole, 'train')
    assert not (train | val) & files(whole, 'val')
    assert {len(part) for part in selection['val'].values()} == {3}


def test_a_small_set_is_a_tenth_with_all_test_images(data):
    small, whole = (
        image_view(data, images, 0, 0) for images in ('small', 'train')
    )
    assert files(small, 'train') < files(whole, 'train')
    assert {len(part) for part in small['train'].values()} == {3}
    assert small['val'] == whole['val']


@pytest.mark.parametrize('images', ['train', 'selection'])
def test_labels_are_drawn_by_the_seed_from_every_class(data, images):
    views = [image_view(data, images, 10, seed) for seed in (0, 0, 1)]
    for view in views:
        assert [len(part) for part in view['train'].values()] == [5, 5]
        whole = image_view(data, images, 0, 0)
        assert files(view, 'train') < files(whole, 'train')
        assert files(view, 'val') == files(whole, 'val')
    assert views[0] == views[1] != views[2]
