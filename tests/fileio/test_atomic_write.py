import platform

import pytest

from mixmae.fileio.atomic_write import atomic_write, check_output
from mixmae.fileio.checksummed_write import remove_partials


def test_whole_or_not_at_all(tmp_path):
    path = tmp_path / 'deep' / 'file.pth'
    with atomic_write(path) as partial:
        partial.write_text('one')
        assert not path.exists()
    assert path.read_text() == 'one'
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as partial:
        partial.write_text('tw')
        raise KeyboardInterrupt
    assert path.read_text() == 'one'
    assert list(path.parent.iterdir()) == [path]


def test_two_writers_of_one_number_do_not_meet(tmp_path):
    """As in containers, which number their processes alike."""
    path = tmp_path / 'file.pth'
    with atomic_write(path) as one, atomic_write(path) as two:
        assert one != two
        one.write_text('one')
        two.write_text('two')
        assert one.read_text() == 'one'
    assert path.read_text() == 'one'
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('host', ['node-1.example.org', 'a/b*', 'n' * 64])
def test_what_a_killed_one_leaves_is_found(tmp_path, monkeypatch, host):

    with monkeypatch.context() as patch:
        patch.setattr(platform, 'node', lambda: host)
        with atomic_write(tmp_path / 'file.pth') as partial:
            left = partial
            partial.write_text('x')
    assert left.parent == tmp_path and host[:1] in left.name
    left.write_text('x')
    remove_partials(tmp_path)
    assert not left.exists() and (tmp_path / 'file.pth').exists()


def test_a_checked_output_leaves_nothing(tmp_path):
    check_output(tmp_path / 'deep' / 'er' / 'file.json')
    assert list(tmp_path.iterdir()) == []
    (tmp_path / 'kept').mkdir()
    check_output(tmp_path / 'kept' / 'file.json')
    assert list(tmp_path.rglob('*')) == [tmp_path / 'kept']


@pytest.mark.parametrize('name', ['/proc/x.json', '/proc/deep/x.json', '.'])
def test_an_output_that_cannot_be_written(name):
    with pytest.raises(ValueError, match='cannot be written'):
        check_output(name)
