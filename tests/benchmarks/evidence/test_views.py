"""Parts of an image folder."""

import pytest

from benchmarks.evidence.views import class_files, image_view, link_view


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


def test_the_selection_never_sees_test_images(data):
    whole = image_view(data, 'train', 0, 0)
    selection = image_view(data, 'selection', 0, 0)
    train, val = files(selection, 'train'), files(selection, 'val')
    assert not train & val
    assert train | val == files(whole, 'train')
    assert not (train | val) & files(whole, 'val')
    assert {len(part) for part in selection['val'].values()} == {3}


@pytest.mark.parametrize('images', ['train', 'selection'])
def test_labels_are_drawn_by_the_seed_from_every_class(data, images):
    views = [image_view(data, images, 10, seed) for seed in (0, 0, 1)]
    for view in views:
        assert [len(part) for part in view['train'].values()] == [5, 5]
        whole = image_view(data, images, 0, 0)
        assert files(view, 'train') < files(whole, 'train')
        assert files(view, 'val') == files(whole, 'val')
    assert views[0] == views[1] != views[2]


@pytest.mark.parametrize('labels', [1, 60])
def test_labels_that_no_class_can_give(data, labels):
    with pytest.raises(ValueError, match=f'{labels} labels'):
        image_view(data, 'train', labels, 0)


def test_no_images(tmp_path):
    with pytest.raises(ValueError, match='no images'):
        class_files(tmp_path)


def test_links_lead_to_the_images_and_are_made_once(data, tmp_path):
    view = image_view(data, 'selection', 10, 0)
    folder = link_view(view, tmp_path / 'views' / 'few')
    for split in ('train', 'val'):
        made = class_files(folder / split)
        assert {f.resolve() for part in made.values() for f in part} == {
            f.resolve() for f in files(view, split)
        }
    (folder / 'mark').touch()
    # What an interrupted call left does not stand in the way.
    (tmp_path / 'views' / '.other.partial').mkdir()
    assert link_view(view, folder) == folder and (folder / 'mark').exists()
    assert link_view(view, tmp_path / 'views' / 'other').is_dir()
