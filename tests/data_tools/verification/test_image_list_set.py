"""Verification of image lists with labels, one fault at a time."""

import pytest

LINES = ['a/1.jpg 0', 'a/2.jpg 204', 'b c/1.jpg 3']


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


def test_corrupt_image(root, look):
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
