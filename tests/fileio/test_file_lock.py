"""Lock of a work folder against a second run."""

import errno
import fcntl
import json
import os
import signal
import time
from pathlib import Path

import pytest

from mixmae.fileio import file_lock
from mixmae.fileio.file_lock import WorkDirLock
from tests.engine.forked import start


def held_by_another(folder: Path, log: Path):
    """Start a process that holds the lock, and a child that outlives it."""

    def hold() -> None:
        WorkDirLock(folder).acquire()
        if not os.fork():
            time.sleep(20)
            os._exit(0)
        (log.parent / 'held').touch()
        time.sleep(600)

    process = start(hold, log)
    while not (log.parent / 'held').exists():
        assert process.is_alive(), log.read_text()
        time.sleep(0.01)
    return process


def test_refused_while_the_other_process_runs(tmp_path):
    folder = tmp_path / 'a run' / 'größe'
    other = held_by_another(folder, tmp_path / 'log')
    expected = f'another run uses .*größe: process {other.pid} on .*since'
    with pytest.raises(ValueError, match=expected):
        WorkDirLock(folder).acquire()
    # Its loader's workers may live a little longer; they hold nothing.
    os.kill(other.pid, signal.SIGKILL)
    other.join()
    lock = WorkDirLock(folder)
    lock.acquire()
    assert json.loads((folder / '.lock').read_text())['pid'] == os.getpid()
    lock.release()


def test_the_lock_of_another_machine_is_waited_for(tmp_path, monkeypatch):
    other = held_by_another(tmp_path / 'run', tmp_path / 'log')
    monkeypatch.setattr(file_lock.socket, 'gethostname', lambda: 'here')
    waits = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        os.kill(other.pid, signal.SIGKILL)
        other.join()

    monkeypatch.setattr(file_lock.time, 'sleep', sleep)
    lock = WorkDirLock(tmp_path / 'run')
    lock.acquire()
    lock.release()
    assert waits == [1]


def test_waiting_ends(tmp_path, monkeypatch):
    other = held_by_another(tmp_path / 'run', tmp_path / 'log')
    monkeypatch.setattr(file_lock.socket, 'gethostname', lambda: 'here')
    with pytest.raises(ValueError, match='another run uses'):
        WorkDirLock(tmp_path / 'run', wait=-1).acquire()
    os.kill(other.pid, signal.SIGKILL)
    other.join()


def test_a_folder_that_cannot_be_created(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(ValueError, match='the work'):
        WorkDirLock(tmp_path / 'file' / 'run').acquire()
    with pytest.raises(ValueError, match='set another one with --work-dir'):
        WorkDirLock(tmp_path / 'file').acquire()


@pytest.mark.parametrize('target', ['precious', 'gone', '/dev/zero'])
def test_a_link_is_not_followed(tmp_path, target):
    (tmp_path / 'precious').write_text('precious')
    (tmp_path / 'run').mkdir()
    link = tmp_path / 'run' / '.lock'
    link.symlink_to(tmp_path / target)
    with pytest.raises(ValueError, match='lock cannot be .* symbolic link'):
        WorkDirLock(tmp_path / 'run').acquire()
    assert (tmp_path / 'precious').read_text() == 'precious'
    assert link.is_symlink() and not (tmp_path / 'gone').exists()


@pytest.mark.parametrize('make', [os.mkfifo, os.mkdir])
def test_other_file_types_are_refused(tmp_path, make):
    make(tmp_path / '.lock')
    with pytest.raises(ValueError, match='not a regular file; remove it'):
        WorkDirLock(tmp_path).acquire()


@pytest.mark.parametrize('hard', [True, False])
def test_other_files_are_not_overwritten(tmp_path, hard):
    (tmp_path / 'notes').write_text('precious notes')
    if hard:
        os.link(tmp_path / 'notes', tmp_path / '.lock')
    else:
        (tmp_path / 'notes').rename(tmp_path / '.lock')
    with pytest.raises(ValueError, match='is not a lock file'):
        WorkDirLock(tmp_path).acquire()
    assert (tmp_path / '.lock').read_text() == 'precious notes'


def test_locks_of_earlier_runs_are_taken(tmp_path):
    for content in ('', '{"pid": 1, "host": "a', '{"pid": 1}'):
        (tmp_path / '.lock').write_text(content)
        lock = WorkDirLock(tmp_path)
        lock.acquire()
        lock.release()
        mine = json.loads((tmp_path / '.lock').read_text())
        assert mine['pid'] == os.getpid()


def test_without_locks_it_warns(tmp_path, monkeypatch, caplog):
    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr(fcntl, 'lockf', fail)
    said = []
    monkeypatch.setattr(
        file_lock, 'print_log', lambda text, *_: said.append(text)
    )
    lock = WorkDirLock(tmp_path)
    lock.acquire()
    lock.release()
    assert 'cannot be locked (No locks available)' in said[0]
