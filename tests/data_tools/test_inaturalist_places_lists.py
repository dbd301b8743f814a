"""Conversion of official label lists to one format."""

import json

import pytest

from mixmae.data_tools.inaturalist_places_lists import write_lists


def inaturalist(root, **changes):
    content = {
        'images': [
            {'id': 5, 'file_name': 'train_val2018/Fungi/7/a.jpg'},
            {'id': 6, 'file_name': 'train_val2018/Aves/0/b.jpg'},
        ],
        # In another order than the images.
        'annotations': [
            {'id': 1, 'image_id': 6, 'category_id': 0},
            {'id': 2, 'image_id': 5, 'category_id': 8141},
        ],
        'categories': [],
    } | changes
    for split in ('train', 'val'):
        (root / f'{split}2018.json').write_text(json.dumps(content))


def read(root):
    return [
        (root / 'meta' / f'{split}.txt').read_text().splitlines()
        for split in ('train', 'val')
    ]


def test_inaturalist(tmp_path):
    inaturalist(tmp_path)
    assert write_lists('inaturalist2018', tmp_path) == {'train': 2, 'val': 2}
    lines = [
        'train_val2018/Aves/0/b.jpg 0',
        'train_val2018/Fungi/7/a.jpg 8141',
    ]
    assert read(tmp_path) == [lines, lines]
    assert [p.name for p in sorted((tmp_path / 'meta').iterdir())] == [
        'train.txt',
        'val.txt',
    ]


def test_places205(tmp_path):
    folder = tmp_path / 'trainvalsplit_places205'
    folder.mkdir()
    (folder / 'train_places205.csv').write_text(
        'a/abbey/gsun_1.jpg 0\nv/volcano/x y.jpg 204\n\n'
    )
    # Or beside the folder of the archive.
    (tmp_path / 'val_places205.csv').write_text('a/abbey/gsun_2.jpg 0\n')
    assert write_lists('places205', tmp_path) == {'train': 2, 'val': 1}
    images = 'data/vision/torralba/deeplearning/images256'
    train, val = read(tmp_path)
    assert train == [
        f'{images}/a/abbey/gsun_1.jpg 0',
        f'{images}/v/volcano/x y.jpg 204',
    ]
    assert val == [f'{images}/a/abbey/gsun_2.jpg 0']


@pytest.fixture
def places365(tmp_path):
    (tmp_path / 'places365_train_standard.txt').write_text(
        '/a/airfield/00000001.jpg 0\n'
    )
    (tmp_path / 'places365_val.txt').write_text(
        'Places365_val_00000001.jpg 165\n'
    )
    for name in ('data_256', 'val_256'):
        (tmp_path / name).mkdir()
    return tmp_path


def test_places365(places365):
    write_lists('places365', places365)
    expected = [
        ['data_256/a/airfield/00000001.jpg 0'],
        ['val_256/Places365_val_00000001.jpg 165'],
    ]
    assert read(places365) == expected
    for name in ('data_large', 'val_large'):
        (places365 / name).mkdir()
    with pytest.raises(ValueError, match='with --size'):
        write_lists('places365', places365)
    write_lists('places365', places365, size='256')
    assert read(places365) == expected
    # A list that the user may have changed is replaced on demand.
    with pytest.raises(ValueError, match=r'train\.txt is another list'):
        write_lists('places365', places365, size='large')
    assert not list(places365.glob('meta/.*'))
    write_lists('places365', places365, size='large', overwrite=True)
    assert read(places365)[1] == ['val_large/Places365_val_00000001.jpg 165']


def test_places365_as_torchvision_unpacks_it(places365):
    (places365 / 'data_256').rename(places365 / 'data_256_standard')
    write_lists('places365', places365)
    train, _ = read(places365)
    assert train == ['data_256_standard/a/airfield/00000001.jpg 0']


def test_places365_without_images(places365):
    (places365 / 'val_256').rmdir()
    with pytest.raises(ValueError, match='extract the images'):
        write_lists('places365', places365)


@pytest.mark.parametrize(
    'changes, words',
    [
        (
            {'annotations': [{'image_id': 7, 'category_id': 0}]},
            'train2018.json: an entry is incomplete',
        ),
        ({'annotations': []}, 'train: the list is empty'),
        (
            {'annotations': [{'image_id': 5, 'category_id': 8142}]},
            'label 8142 is not from 0 to 8141',
        ),
        (
            {'annotations': [{'image_id': 5, 'category_id': '1'}]},
            "label '1' is not from 0",
        ),
        (
            {'images': [{'id': i, 'file_name': '../a.jpg'} for i in (5, 6)]},
            'leads out of the folder',
        ),
        (
            {'images': [{'id': i, 'file_name': 'a\nb'} for i in (5, 6)]},
            'line break',
        ),
        ({'images': 3}, 'no list of images'),
    ],
)
def test_invalid_lists_write_nothing(tmp_path, changes, words):
    inaturalist(tmp_path)
    write_lists('inaturalist2018', tmp_path)
    before = read(tmp_path)
    inaturalist(tmp_path, **changes)
    with pytest.raises(ValueError) as raised:
        write_lists('inaturalist2018', tmp_path)
    assert words in str(raised.value)
    assert read(tmp_path) == before
    assert len(list((tmp_path / 'meta').iterdir())) == 2


def test_a_bad_second_list_does_not_replace_the_first(tmp_path):
    inaturalist(tmp_path)
    (tmp_path / 'val2018.json').write_text('{"images": [')
    with pytest.raises(ValueError, match='val2018.json: invalid JSON'):
        write_lists('inaturalist2018', tmp_path)
    assert not (tmp_path / 'meta').exists()


def test_invalid_lines(tmp_path):
    for split in ('train', 'val'):
        path = tmp_path / f'{split}_places205.csv'
        path.write_text('a/1.jpg 0\na/2.jpg\n')
    with pytest.raises(ValueError, match='train_places205.csv, line 2'):
        write_lists('places205', tmp_path)


def test_bad_requests(tmp_path):
    with pytest.raises(ValueError, match='no such folder'):
        write_lists('places205', tmp_path / 'gone')
    with pytest.raises(ValueError, match='trainvalsplit_places205'):
        write_lists('places205', tmp_path)
    with pytest.raises(ValueError, match='size is for places365'):
        write_lists('places205', tmp_path, size='256')
