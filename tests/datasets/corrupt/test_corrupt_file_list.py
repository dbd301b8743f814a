"""Lists of bad files: written, read, and refused with the line."""

import pytest

from mixmae.datasets.corrupt.corrupt_file_list import (
    BadFile,
    parse_line,
    read_bad_files,
    write_bad_files,
)

ENTRIES = [
    BadFile('truncated', 'a b/ä.jpg'),
    BadFile('empty', 'tab\there\nbreak\udcff.png', 'train/12'),
    BadFile('', '/plain.jpg'),
]


def test_round_trip(tmp_path):
    path = tmp_path / 'bad files.txt'
    write_bad_files(path, ENTRIES, 'made by hand')
    assert read_bad_files(path) == ENTRIES
    text = path.read_text()
    assert text.startswith('# made by hand\n# cause\tpath\n')
    assert 'truncated\ta b/ä.jpg\n' in text
    assert len(text.splitlines()) == 5


def test_lists_written_by_hand(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_bytes(b'# mine\r\n\r\nplain.jpg\r\nempty\t\xff.png\n \n')
    assert read_bad_files(path) == [
        BadFile('', 'plain.jpg'),
        BadFile('empty', '\udcff.png'),
    ]
    assert parse_line('# no\n') is None


def test_the_bad_line_is_named(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text('a.jpg\na\tb\tc\td\n')
    with pytest.raises(ValueError, match='list.txt, line 2: .* 4 columns'):
        read_bad_files(path)
    path.write_text('empty\ta\\b.jpg\n')
    with pytest.raises(ValueError, match='list.txt, line 1: .*character'):
        read_bad_files(path)
    with pytest.raises(FileNotFoundError, match='gone.txt does not exist'):
        read_bad_files(tmp_path / 'gone.txt')
    with pytest.raises(ValueError, match='directory'):
        read_bad_files(tmp_path)
