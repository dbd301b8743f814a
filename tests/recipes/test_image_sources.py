"""Image arguments of a call."""

import os

import pytest
from PIL import Image

from mixmae.datasets import UnlabeledImageFolder
from mixmae.recipes.image_sources import ImageSources, read_sources
from tests.datasets.packed_pictures import pack_pictures
from tests.recipes.photos import write_photos


def test_folders_lists_and_files_count_each_image_once(tmp_path):
    paths = write_photos(tmp_path / 'one', 9)
    more = write_photos(tmp_path / 'two', 9, seed=1)
    (tmp_path / 'one' / 'a.psd').write_text('x')
    os.symlink(tmp_path / 'two', tmp_path / 'one' / 'link')
    listing = tmp_path / 'two' / 'list.txt'
    names = [os.path.relpath(path, listing.parent) for path in more]
    listing.write_text('\n'.join(['# two of them', *names[:2]]))
    absolute = tmp_path / 'absolute.txt'
    absolute.write_text('\n'.join(f'{path} 3' for path in more))
    found = read_sources(
        [tmp_path / 'one', tmp_path / 'two', listing, absolute, paths[0]]
    )
    assert found.count == 18 and not found.shards
    assert {os.path.realpath(one) for one in found.files} == {
        os.path.realpath(one) for one in [*paths, *more]
    }
    notes = ' '.join(found.notes)
    assert '1 .psd' in notes and 'given twice' in notes


def test_shards(tmp_path):
    write_photos(tmp_path / 'photos' / 'a class', 9)
    packed = tmp_path / 'packed'
    pack_pictures(tmp_path / 'photos', packed, shard_bytes=2**20)
    (shard,) = packed.glob('*.tar')
    for place in (packed, shard):
        found = read_sources(place)
        assert found.shards == {str(place): 9}
        assert 70 < found.short_side() < 80
    mixed = read_sources([packed, tmp_path / 'photos'])
    assert mixed.count == 18


@pytest.mark.parametrize(
    ('make', 'words'),
    [
        (lambda folder: folder / 'nowhere', 'there is no'),
        (lambda folder: folder / 'empty', 'no images in'),
        (lambda folder: [], 'names no images'),
        (lambda folder: None, 'must be a path or several, got NoneType'),
        (lambda folder: [folder, 3], 'must be a path or several, got int'),
        (lambda folder: folder / 'few', '2 images in'),
        (lambda folder: folder / 'list.txt', 'none of the first paths'),
    ],
)
def test_unusable_sources_are_one_line(tmp_path, make, words):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'empty' / 'a.txt').touch()
    write_photos(tmp_path / 'few', 2)
    (tmp_path / 'list.txt').write_text('a.jpg\n')
    with pytest.raises((ValueError, OSError), match=words) as caught:
        read_sources(make(tmp_path))
    assert '\n' not in str(caught.value)


def test_too_few_images_are_reported_with_those_left_out(tmp_path):
    write_photos(tmp_path / 'new\nline', 10)
    with pytest.raises(ValueError, match='10 files left out.*control'):
        read_sources(tmp_path)


def test_held_out_images_are_not_trained_on(tmp_path):
    write_photos(tmp_path, 40)
    found = read_sources(tmp_path)
    train, val = found.split(0.1, 1000, seed=0)
    assert (train.count, val.count) == (36, 4)
    assert not set(train.files) & set(val.files)
    assert sorted(train.files + val.files) == sorted(found.files)
    assert found.split(0.1, 1000, seed=0)[1].files == val.files
    assert found.split(0.1, 1000, seed=1)[1].files != val.files
    assert found.split(0.5, 3, seed=0)[1].count == 3
    shards = ImageSources(shards={'a': 1000, 'b': 10})
    train, val = shards.split(0.1, 1000, seed=0)
    assert train.shards == {'a': 900, 'b': 9}
    assert val.shards == {'a': 100, 'b': 1}


def test_a_list_names_the_same_files(tmp_path):
    folder = tmp_path / '#photos'
    write_photos(folder, 9)
    found = read_sources(folder)
    found.write_list(tmp_path / 'list.txt', found.root())
    images = UnlabeledImageFolder(
        data_root=found.root(), ann_file=str(tmp_path / 'list.txt')
    )
    listed = [images.get_data_info(i)['img_path'] for i in range(9)]
    assert listed == found.files


def test_an_image_of_another_suffix_is_no_list(tmp_path):
    Image.new('RGB', (9, 9)).save(tmp_path / 'a.gif')
    assert read_sources(tmp_path / 'a.gif', fewest=1).count == 1
