"""Class folders and tables of users' images."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixmae.recipes.class_lists import read_class_lists
from mixmae.recipes.fine_tuning_settings import FineTuningOptions

DEFAULTS = FineTuningOptions()


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_folders_of_classes(tmp_path: Path) -> None:
    for kind in ('cat', 'Dog'):
        touch(tmp_path, *(f'{kind}/{k} x.jpg' for k in range(5)))
    touch(tmp_path, 'cat/notes.txt', '__MACOSX/cat/1.jpg', 'empty/.keep')
    found = read_class_lists(tmp_path, DEFAULTS)
    assert found.classes == ('Dog', 'cat')
    assert len(found.train) == 8 and len(found.val) == 2
    assert {name for _, name in found.val} == {'cat', 'Dog'}
    assert any('__MACOSX' in note for note in found.notes)
    found.write(tmp_path / 'lists')
    lines = (tmp_path / 'lists/train.txt').read_text().splitlines()
    for line in lines:
        path, label = line.rsplit(' ', 1)
        assert (tmp_path / path).is_file()
        assert found.classes[int(label)] == path.split('/')[0]


def test_folders_of_splits(tmp_path: Path) -> None:
    touch(tmp_path, 'train/a/1.png', 'train/b/1.png', 'valid/a/2.png')
    touch(tmp_path, 'test/b/3.png')
    found = read_class_lists(tmp_path, DEFAULTS)
    assert found.train == [('train/a/1.png', 'a'), ('train/b/1.png', 'b')]
    assert found.val == [('valid/a/2.png', 'a')]


def test_validation_data_elsewhere(tmp_path: Path) -> None:
    touch(tmp_path, 'one/a/1.png', 'one/b/1.png', 'two/a/2.png')
    found = read_class_lists(
        tmp_path / 'one', FineTuningOptions(val_data=tmp_path / 'two')
    )
    paths = [path for path, _ in found.train + found.val]
    assert paths == ['one/a/1.png', 'one/b/1.png', 'two/a/2.png']
    assert all((found.root / path).is_file() for path in paths)


TABLES = {
    'header': 'Filename;Label\n1.png;10\n2.png;9\n',
    'signs': '"File Name","Label_Name"\n1.png,10\n2.png,9\n',
    'no header': '1.png,10\n2.png,9\n',
    'no suffix': 'id\tclass\n1\t10\n2\t9\n',
    'split': 'path,label,split\n1.png,10,train\n2.png,9,train\n3.png,9,val\n',
}


@pytest.mark.parametrize('kind', TABLES)
def test_tables(tmp_path: Path, kind: str) -> None:
    touch(tmp_path, 'images/1.png', 'images/2.png', 'images/3.png')
    table = tmp_path / 'labels.csv'
    # Each line three times, so that some can be set aside.
    table.write_text(TABLES[kind])
    if kind != 'split':
        with pytest.raises(ValueError, match='too few to set some aside'):
            read_class_lists(
                table, FineTuningOptions(images=tmp_path / 'images')
            )
        return
    found = read_class_lists(
        table, FineTuningOptions(images=tmp_path / 'images')
    )
    # Numbers in their own order, not in that of text.
    assert found.classes == ('9', '10')
    assert found.val == [('3.png', '9')]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('image,label\n1.png,a\n4.png,b\n', 'line 3: there is no file'),
        ('image,label\n1.png,a\n1.png,b\n', 'an image has one class'),
        ('path,label,split\n1.png,a,val\n1.png,a,train\n', 'has one split'),
        ('path,label,split\n1.png,a\n', 'line 2: .* lacks a column'),
        ('image,label\n1.png,\n', 'line 2: 1.png has no class'),
        ('image,label\n../1.png,a\n', 'line 2: file name'),
        ('image,colour\n1.png,a\n', 'must be called class or label'),
        ('1.png\n2.png\n', 'not a table'),
        ('image,label\n1.png,a\n2.png,a\n', 'are of one class'),
    ],
)
def test_tables_that_cannot_be_used(
    tmp_path: Path, text: str, message: str
) -> None:
    touch(tmp_path, '1.png', '2.png')
    (tmp_path / 'labels.csv').write_text(text)
    with pytest.raises(ValueError, match=message):
        read_class_lists(tmp_path / 'labels.csv', DEFAULTS)


def test_an_image_on_two_lines_counts_once(tmp_path: Path) -> None:
    # Or it could be trained on and validated on.
    names = [f'{k}.png' for k in range(4)]
    touch(tmp_path, *names)
    lines = [f'{name},{"ab"[k % 2]}' for k, name in enumerate(names)]
    lines += [f'./{line}' for line in lines]
    (tmp_path / 'labels.csv').write_text('\n'.join(['image,label', *lines]))
    found = read_class_lists(tmp_path / 'labels.csv', DEFAULTS)
    assert sorted(path for path, _ in found.train + found.val) == names
    assert '4 lines repeat an image' in found.notes


@pytest.mark.parametrize('encoding', ['latin-1', 'utf-16'])
def test_a_table_in_another_encoding(tmp_path: Path, encoding: str) -> None:
    table = tmp_path / 'labels.csv'
    table.write_text('image,label\n1.png,\u00fc\n', encoding)
    with pytest.raises(ValueError, match='save it as CSV UTF-8'):
        read_class_lists(table, DEFAULTS)


def test_images_without_class_folders(tmp_path: Path) -> None:
    touch(tmp_path, '1.png')
    with pytest.raises(ValueError, match='a subfolder of images for each'):
        read_class_lists(tmp_path, DEFAULTS)


def test_one_class(tmp_path: Path) -> None:
    touch(tmp_path, 'a/1.png', 'a/2.png')
    with pytest.raises(ValueError, match='a classifier needs at least two'):
        read_class_lists(tmp_path, DEFAULTS)


def test_a_split_of_another_name_is_noted(tmp_path: Path) -> None:
    touch(tmp_path, '1.png', '2.png', '3.png')
    table = tmp_path / 'table.csv'
    table.write_text(
        'image,class,split\n1.png,a,train\n2.png,b,holdout\n3.png,a,dev\n'
    )
    found = read_class_lists(table, DEFAULTS)
    assert len(found.train) == 2 and len(found.val) == 1
    assert "1 splits are trained on as well: 'holdout'" in found.notes
    table.write_text('image,class,split\n1.png,a,train\n2.png,b,Training\n')
    with pytest.raises(ValueError, match='too few'):
        read_class_lists(table, DEFAULTS)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('image,class\na\\1.png,x\n', r'separated by /, not by \\'),
        ('image,class\n/home/joe/1.png,x\n', "name '/home/joe/1.png' is abs"),
        ('Bild,Klasse\n1.png,x\n', 'header has columns called image and cla'),
    ],
)
def test_paths_that_are_not_found(
    tmp_path: Path, text: str, message: str
) -> None:
    touch(tmp_path, '1.png', 'a/1.png')
    table = tmp_path / 'table.csv'
    table.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_class_lists(table, DEFAULTS)


def test_absolute_paths_below_the_folder(tmp_path: Path) -> None:
    touch(tmp_path, '1.png', '2.png', '..3.png')
    rows = ['1.png,a,train', '2.png,b,train', '..3.png,a,val']
    table = tmp_path / 'table.csv'
    lines = ['image,class,split', *(f'{tmp_path}/{row}' for row in rows)]
    table.write_text('\n'.join(lines))
    found = read_class_lists(table, DEFAULTS)
    assert [path for path, _ in found.train] == ['1.png', '2.png']
    assert found.val == [('..3.png', 'a')]
