import os
import platform
import subprocess
from pathlib import Path

import pytest
import torch

from mixmae.fileio.atomic_write import (
    atomic_write,
    check_output,
    checksummed_write,
    damage,
    new_files,
    remove,
    remove_partials,
    sidecar,
    write_text_durably,
)


def test_complete_or_not_at_all(tmp_path):
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


def test_several_files_appear_together(tmp_path):
    """After an error those of before are as they were."""
    folder = tmp_path / 'deep' / 'out'
    with pytest.raises(ValueError), new_files(folder) as partial:
        (partial / 'a.txt').write_text('one')
        raise ValueError
    assert list(tmp_path.iterdir()) == []
    (folder / 'pictures').mkdir(parents=True)
    (folder / 'a.txt').write_text('before')
    (folder / 'pictures' / '1.png').write_text('before')
    with pytest.raises(ValueError), new_files(folder) as partial:
        (partial / 'a.txt').write_text('half')
        raise ValueError
    assert (folder / 'a.txt').read_text() == 'before'
    with new_files(folder) as partial:
        (partial / 'pictures').mkdir()
        for name in ('a.txt', 'pictures/2.png'):
            (partial / name).write_text('new')
            assert not (folder / 'pictures/2.png').exists()
    found = {p.name: p.read_text() for p in folder.rglob('*') if p.is_file()}
    assert found == {'a.txt': 'new', '1.png': 'before', '2.png': 'new'}
    assert len(list(folder.iterdir())) == 2


def test_writers_with_equal_process_ids(tmp_path):
    """Containers may give equal process ids."""
    path = tmp_path / 'file.pth'
    with atomic_write(path) as one, atomic_write(path) as two:
        assert one != two
        one.write_text('one')
        two.write_text('two')
        assert one.read_text() == 'one'
    assert path.read_text() == 'one'
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('host', ['node-1.example.org', 'a/b*', 'n' * 64])
def test_remains_of_a_killed_process_are_found(tmp_path, monkeypatch, host):

    with monkeypatch.context() as patch:
        patch.setattr(platform, 'node', lambda: host)
        with atomic_write(tmp_path / 'file.pth') as partial:
            left = partial
            partial.write_text('x')
    assert left.parent == tmp_path and host[:1] in left.name
    left.write_text('x')
    remove_partials(tmp_path, 'file.pth'.__eq__)
    assert not left.exists() and (tmp_path / 'file.pth').exists()


def test_a_check_of_an_output_leaves_no_file(tmp_path):
    check_output(tmp_path / 'deep' / 'er' / 'file.json')
    assert list(tmp_path.iterdir()) == []
    (tmp_path / 'kept').mkdir()
    check_output(tmp_path / 'kept' / 'file.json')
    assert list(tmp_path.rglob('*')) == [tmp_path / 'kept']


@pytest.mark.parametrize('name', ['/proc/x.json', '/proc/deep/x.json', '.'])
def test_an_output_that_cannot_be_written(name):
    with pytest.raises(ValueError, match='cannot be written'):
        check_output(name)


def test_a_file_and_its_checksum(tmp_path):
    path = tmp_path / 'new' / 'a.pth'
    checksummed_write(path, b'weights')
    assert path.read_bytes() == b'weights'
    assert damage(path) is None
    done = subprocess.run(
        ['sha256sum', '--check', sidecar(path).name],
        cwd=path.parent,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert sorted(p.name for p in path.parent.iterdir()) == [
        'a.pth',
        'a.pth.sha256',
    ]


@pytest.mark.parametrize('spoil', [lambda b: b[:-1], lambda b: b[:-1] + b'x'])
def test_truncated_or_flipped(tmp_path, spoil):
    path = tmp_path / 'a.pth'
    checksummed_write(path, b'weights')
    path.write_bytes(spoil(path.read_bytes()))
    assert 'a.pth.sha256' in damage(path)


def test_files_without_a_sidecar_are_read(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save({'x': torch.arange(1000)}, path)
    assert damage(path) is None
    whole = path.read_bytes()
    place = whole.index(torch.arange(1000).numpy().tobytes()[:64])
    flipped = bytearray(whole)
    flipped[place + 9] ^= 1
    path.write_bytes(flipped)
    assert 'damaged' in damage(path)
    path.write_bytes(whole[:-30])
    assert 'is incomplete' in damage(path)
    assert damage(tmp_path / 'none.pth') == 'it is not there'
    (tmp_path / 'folder.pth').mkdir()
    (tmp_path / 'link.pth').symlink_to('none.pth')
    for name in ('folder.pth', 'link.pth'):
        assert damage(tmp_path / name) == 'it is no file'


@pytest.mark.parametrize('offset', [6, 8, 9, 10, 20, 24, 28, 42])
def test_damaged_headers_of_a_zip_file(tmp_path, offset):
    """They declare passwords, methods, lengths and offsets of all kinds."""
    path = tmp_path / 'a.pth'
    torch.save({'a': torch.ones(100)}, path)
    whole = path.read_bytes()
    for start in (whole.index(b'PK\x01\x02'), whole.rindex(b'PK\x01\x02')):
        data = bytearray(whole)
        for bit in range(8):
            data[start + offset] ^= 1 << bit
            path.write_bytes(data)
            assert damage(path) is None or '\n' not in damage(path)


@pytest.mark.parametrize('step', ['fsync', 'replace'])
def test_a_failure_keeps_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / 'a.pth'
    checksummed_write(path, b'old')

    def fail(*_):
        raise OSError(28, 'No space left on device', str(path))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match='No space left'):
        checksummed_write(path, b'new')
    assert path.read_bytes() == b'old'
    names = {p.name for p in tmp_path.iterdir()}
    assert names <= {'a.pth', 'a.pth.sha256'}


def test_killed_at_every_system_call(tmp_path):
    """After a kill at each system call the file is the old or the new one."""
    seen = set()
    for steps in range(20):
        path = tmp_path / str(steps) / 'a.pth'
        torch.save({'x': 'old'}, _made(path))
        child = os.fork()
        if child == 0:
            _die_after(steps)
            checksummed_write(path, _bytes({'x': 'new'}, tmp_path))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert damage(path) is None, steps
        seen.add((torch.load(path)['x'], os.waitstatus_to_exitcode(status)))
    assert seen == {('old', 9), ('new', 9), ('new', 0)}


def _made(path: Path) -> Path:
    path.parent.mkdir()
    return path


def _bytes(content: dict, folder: Path) -> bytes:
    torch.save(content, folder / 'new')
    return (folder / 'new').read_bytes()


def _die_after(steps: int) -> None:
    """Replace system calls that touch the disk by counting ones."""
    left = [steps]

    def counted(call):
        def step(*args, **kwargs):
            if left[0] == 0:
                os._exit(9)
            left[0] -= 1
            return call(*args, **kwargs)

        return step

    for name in ('fsync', 'replace', 'unlink'):
        setattr(os, name, counted(getattr(os, name)))
    Path.unlink = counted(Path.unlink)


def test_removing_also_removes_the_sidecar(tmp_path):
    checksummed_write(tmp_path / 'a.pth', b'weights')
    remove(tmp_path / 'a.pth')
    assert not list(tmp_path.iterdir())
    remove(tmp_path / 'a.pth')


def test_a_checksum_of_garbage_is_no_checksum(tmp_path):
    path = tmp_path / 'a.pth'
    checksummed_write(path, b'weights')
    sidecar(path).write_bytes(b'\xff\xfe')
    assert 'checksum in a.pth.sha256' in damage(path)


def test_errors_of_open_files_name_them(tmp_path, monkeypatch):
    def full(number):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='No space.*a.pth'):
        checksummed_write(tmp_path / 'a.pth', b'weights')


def test_remains_of_killed_processes_are_removed(tmp_path):
    """Files of other processes, which may still be writing, are kept."""
    ours = {'a.pth', 'a.pth.sha256', 'my features.npz'}
    foreign = {'b.partial', '.a.pth.12.partial', '.notes.2.partial'}
    for name in (*ours, *foreign):
        partial = f'.{name}.12-my-node-0123abcd.partial'
        path = tmp_path / (name if name in foreign else partial)
        path.write_bytes(b'half')
    remove_partials(tmp_path, {'a.pth', 'a.pth.sha256'}.__contains__)
    left = {path.name for path in tmp_path.iterdir()}
    kept = '.my features.npz.12-my-node-0123abcd.partial'
    assert left == {*foreign, kept}


def test_paths_that_are_not_utf8(tmp_path):
    write_text_durably(tmp_path / 'last_checkpoint', 'a\udcff/epoch_1.pth')
    assert (tmp_path / 'last_checkpoint').read_bytes() == b'a\xff/epoch_1.pth'


def test_an_output_replaces_no_file_of_another_kind(tmp_path):
    for name in ('photo.jpg', 'list.txt'):
        (tmp_path / name).write_text('kept')
    check_output(tmp_path / 'list.txt', '.txt')
    check_output(tmp_path / 'new', '.txt')
    with pytest.raises(ValueError, match=r'does not end in \.txt'):
        check_output(tmp_path / 'photo.jpg', '.txt')
    assert (tmp_path / 'photo.jpg').read_text() == 'kept'
    with pytest.raises(ValueError, match='Not a directory'):
        check_output(tmp_path / 'photo.jpg' / 'list.txt')
