"""Images to pack: selection, order, labels."""

import pytest

from mixmae.data_tools.packing.pack_source import read_source
from mixmae.datasets.corrupt.corrupt_file_list import (
    CorruptFile,
    write_corrupt_files,
)
from tests.datasets.grey_pictures import save_pictures
from tests.datasets.packed_pictures import save_classes


@pytest.fixture
def folder(tmp_path):
    return save_classes(tmp_path / 'my images')


def test_class_folders_are_labels(folder):
    source = read_source(str(folder))
    assert source.names[:2] == ['even/00.png', 'even/02.png']
    assert source.labels == [0] * 10 + [1] * 10
    assert source.classes == ('even', 'odd')
    assert read_source(str(folder), with_labels=False).labels is None


def test_an_image_outside_of_a_class_means_no_labels(folder):
    (folder / 'odd' / '01.png').rename(folder / '01.png')
    source = read_source(str(folder))
    assert source.labels is None and source.classes is None
    assert len(source.names) == 20


def test_a_flat_folder(tmp_path):
    source = read_source(str(save_pictures(tmp_path / 'flat')))
    assert source.names == [f'{value:02d}.png' for value in range(20)]
    assert source.labels is None


def write(path, *lines):
    path.write_text('\n'.join(lines) + '\n')
    return str(path)


def test_lists_with_and_without_labels(folder, tmp_path):
    (folder / 'even' / '04.png').rename(folder / 'even' / 'a picture 4.png')
    names = ['odd/03.png', 'even/a picture 4.png', 'even/00.png']
    plain = write(folder / 'list.txt', '# three', *names, '')
    assert read_source(plain).names == names
    assert read_source(plain).labels is None
    lines = [f'{name} {label}' for name, label in zip(names, (7, 0, 12))]
    path = write(tmp_path / 'train.txt', *lines)
    source = read_source(path, str(folder))
    assert (source.names, source.labels) == (names, [7, 0, 12])
    assert source.classes is None
    assert read_source(path, str(folder), with_labels=False).labels is None


def test_excluded_files_are_left_out(folder, tmp_path):
    bad = tmp_path / 'bad.txt'
    write_corrupt_files(bad, [CorruptFile('empty', 'odd/01.png')])
    more = tmp_path / 'more.txt'
    write_corrupt_files(
        more, [CorruptFile('', str(folder / 'even' / '00.png'))]
    )
    source = read_source(str(folder)).without([str(bad), str(more)])
    assert len(source.names) == 18 and source.labels == [0] * 9 + [1] * 9
    everything = [CorruptFile('', name) for name in source.names]
    write_corrupt_files(bad, everything)
    with pytest.raises(ValueError, match='bad.txt names all 18'):
        source.without([str(bad)])


def test_a_shuffled_order_depends_on_the_seed_alone(folder):
    source = read_source(str(folder))
    one, two = source.shuffled(1), source.shuffled(2)
    assert one.names == source.shuffled(1).names != two.names
    assert sorted(one.names) == source.names
    labels = dict(zip(one.names, one.labels))
    assert all((name[0] == 'o') == label for name, label in labels.items())
    digests = {s.digest() for s in (source, one, two, source.shuffled(2))}
    assert len(digests) == 3


@pytest.mark.parametrize(
    'lines, words',
    [
        (['odd/01.png', '../x.png'], 'leads out'),
        (['odd/01.png 1', '/etc/x.png 0'], 'is absolute'),
        (['odd/01.png 1', 'even/00.png'], 'line 2.*has no label'),
        (['odd/01.png', 'odd/01.png'], 'listed twice'),
        (['gone.png 0'], 'none of the first paths'),
        (['# nothing'], 'no paths'),
    ],
)
def test_lists_that_cannot_be_packed(folder, lines, words):
    path = write(folder / 'list.txt', *lines)
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        read_source(path)


def test_missing_paths_are_named(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match='neither a folder'):
        read_source(str(tmp_path / 'gone'))
    path = write(tmp_path / 'list.txt', 'x')
    with pytest.raises(FileNotFoundError, match='gone does not exist'):
        read_source(path, str(tmp_path / 'gone'))
    with pytest.raises(ValueError, match='is only for a list'):
        read_source(str(folder), str(folder))
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='no images in'):
        read_source(str(tmp_path / 'empty'))
