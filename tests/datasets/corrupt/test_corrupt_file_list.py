"""Lists of corrupt files: writing, reading, and errors with a line number."""

import multiprocessing

import pytest

from mixmae.datasets.corrupt import corrupt_file_list as bad_file_register
from mixmae.datasets.corrupt.corrupt_file_list import (
    CorruptFile,
    CorruptFileRegister,
    parse_line,
    read_corrupt_files,
    write_corrupt_files,
)

ENTRIES = [
    CorruptFile('truncated', 'a b/ä.jpg'),
    CorruptFile('empty', 'tab\there\nbreak\udcff.png', 'train/12'),
    CorruptFile('', '/plain.jpg'),
]


def test_round_trip(tmp_path):
    path = tmp_path / 'bad files.txt'
    write_corrupt_files(path, ENTRIES, 'made by hand')
    assert read_corrupt_files(path) == ENTRIES
    text = path.read_text()
    assert text.startswith('# made by hand\n# cause\tpath\n')
    assert 'truncated\ta b/ä.jpg\n' in text
    assert len(text.splitlines()) == 5


def test_lists_written_by_hand(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_bytes(b'# mine\r\n\r\nplain.jpg\r\nempty\t\xff.png\n \n')
    assert read_corrupt_files(path) == [
        CorruptFile('', 'plain.jpg'),
        CorruptFile('empty', '\udcff.png'),
    ]
    assert parse_line('# no\n') is None


def test_invalid_lines_are_named(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text('a.jpg\na\tb\tc\td\n')
    with pytest.raises(ValueError, match='list.txt, line 2: .* 4 columns'):
        read_corrupt_files(path)
    path.write_text('empty\ta\\b.jpg\n')
    with pytest.raises(ValueError, match='list.txt, line 1: .*escape'):
        read_corrupt_files(path)
    with pytest.raises(FileNotFoundError, match='gone.txt does not exist'):
        read_corrupt_files(tmp_path / 'gone.txt')
    with pytest.raises(ValueError, match='directory'):
        read_corrupt_files(tmp_path)


def entry(index, cause='empty', name='train'):
    return CorruptFile(cause, f'/data/{index}.jpg', f'{name}/{index}')


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'corrupt_files.txt'


def test_a_file_is_listed_once(path):
    register = CorruptFileRegister(path)
    register.add(entry(1))
    register.add(entry(1, 'damaged'))
    CorruptFileRegister(path).add(entry(1))
    assert read_corrupt_files(path) == [entry(1)]
    assert path.read_text().startswith('#')


def test_entries_of_other_processes_are_read(path):
    one, two = CorruptFileRegister(path), CorruptFileRegister(path)
    one.add(entry(1))
    two.add(entry(2, 'missing'))
    two.add(entry(7, name='train.1'))
    assert one.samples('train') == {1: 'empty'}
    one.look()
    assert one.samples('train') == {1: 'empty', 2: 'missing'}
    assert one.samples('train.1') == {7: 'empty'}
    assert one.entries() == read_corrupt_files(path)


def test_a_truncated_line_is_not_continued(path):
    register = CorruptFileRegister(path)
    register.add(entry(1))
    with path.open('a') as file:
        file.write('trunca')
    register.add(entry(2))
    other = CorruptFileRegister(path)
    other.look()
    assert other.samples('train') == {1: 'empty', 2: 'empty'}
    assert 'trunca\nempty' in path.read_text()


def test_incomplete_lines_are_read_later(path):
    register = CorruptFileRegister(path)
    line = entry(1).line()
    path.write_text(line[:9])
    register.look()
    assert register.entries() == []
    path.write_text(line)
    register.look()
    assert register.entries() == [entry(1)]


def test_replaced(path):
    register = CorruptFileRegister(path)
    for index in range(3):
        register.add(entry(index))
    register.replace([entry(1, 'damaged')])
    assert register.samples('train') == {1: 'damaged'}
    register.add(entry(2))
    assert len(read_corrupt_files(path)) == 2
    register.replace([])
    assert not path.exists() and register.entries() == []


def test_an_unwritable_list_is_reported_once(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        bad_file_register, 'print_log', lambda text, **_: said.append(text)
    )
    register = CorruptFileRegister(tmp_path / 'gone' / 'corrupt_files.txt')
    register.add(entry(1))
    register.add(entry(2))
    assert len(said) == 1 and 'cannot be written (No such file' in said[0]
    # They still count.
    assert set(register.samples('train')) == {1, 2}


def add_many(path, first):
    register = CorruptFileRegister(path)
    for index in range(first, 300, 3):
        register.add(entry(index))


def test_processes_do_not_mix_their_lines(path):
    context = multiprocessing.get_context('fork')
    workers = [
        context.Process(target=add_many, args=(path, first))
        for first in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    listed = read_corrupt_files(path)
    assert sorted(listed) == sorted(map(entry, range(300)))
