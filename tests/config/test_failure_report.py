"""Error reports for failed loader workers and other ranks."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import time
from multiprocessing import get_context

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.cli import command_line
from mixmae.cli.command_line import run_tool
from mixmae.config import failure_report
from mixmae.registry import DATASETS
from tests.engine.forked import start
from tests.engine.tiny_run import SquaresDataset, tiny_config


@DATASETS.register_module(force=True)
class FailingDataset(SquaresDataset):
    """Data set whose worker is killed or hangs at one image."""

    def __init__(self, how: str, length: int = 16) -> None:
        super().__init__(length)
        self.how = how

    def __getitem__(self, index: int) -> dict:
        if index == 9 and self.how == 'kill':
            os.kill(os.getpid(), signal.SIGKILL)
        if index == 9 and self.how == 'hang':
            # Like a process that waits for a disk, it ignores SIGTERM.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        return super().__getitem__(index)


@pytest.mark.parametrize(
    ('how', 'expected'),
    [
        ('kill', 'ran out of memory (see dmesg)'),
        ('hang', 'the data loader returned no batch within 1 s'),
    ],
)
def test_workers_that_fail_end_the_run(tmp_path, how, expected):
    config = tiny_config(tmp_path)
    config['train_dataloader'].update(
        num_workers=1,
        timeout=0 if how == 'kill' else 1,
        dataset=dict(type='FailingDataset', how=how, length=19),
    )
    log = tmp_path / 'log'
    run = start(lambda: run_tool(Runner.from_cfg(Config(config)).train), log)
    run.join(120)
    assert run.exitcode == 1
    said = log.read_text()
    assert said.count('error: ') == 1 and 'Traceback' not in said
    assert expected in said.splitlines()[-1]


def test_a_killed_worker_precedes_its_closed_connection(monkeypatch, capsys):
    """PyTorch reports the worker a moment after its socket has closed."""
    monkeypatch.setattr(command_line, 'end_workers', lambda: None)

    def report(*_):
        raise RuntimeError('DataLoader worker (pid 7) is killed by signal: K')

    def tool():
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        raise EOFError

    before = signal.signal(signal.SIGALRM, report)
    try:
        with pytest.raises(SystemExit):
            run_tool(tool)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert '(process 7) was killed by K' in capsys.readouterr().err


def chained(text: str) -> Exception:
    """Return an exception chain like that of PyTorch's workers."""
    try:
        try:
            raise OSError('the queue is empty')
        except OSError as first:
            raise RuntimeError(text) from first
    except RuntimeError as error:
        return error


def test_causes():
    line = failure_report.failure_line
    died = 'DataLoader worker (pid 17) is killed by signal: Bus error. '
    assert '/dev/shm' in line(chained(died))
    died = 'DataLoader worker (pid(s) 17, 18) exited unexpectedly'
    assert 'process 17, 18' in line(chained(died))
    full = torch.OutOfMemoryError('CUDA out of memory. Tried to\nmore')
    assert 'Lower train_dataloader.batch_size' in line(full)
    assert 'out of memory: MemoryError' in line(MemoryError())
    assert line(chained('anything else')) is None


def test_errors_are_one_line_each(capsys, monkeypatch, tmp_path):
    """Control characters in names are escaped."""
    monkeypatch.setenv('TORCHELASTIC_ERROR_FILE', str(tmp_path / 'error'))
    text = 'key \x1b[2Ja\rb\x85c\nhttps://u:secret@host/x?token=secret is no'
    failure_report.print_error(text)
    failure_report.note_for_torchrun(text)
    lines = [
        'key \\x1b[2Ja\\rb\\x85c',
        'https://***@host/x?token=*** is no',
    ]
    printed = capsys.readouterr().err
    assert printed.split('\n') == [*(f'error: {x}' for x in lines), '']
    noted = json.loads((tmp_path / 'error').read_text())['message']
    assert noted['message'] == '\n'.join(lines)
    assert 'secret' not in str(noted)


def test_a_replaced_error_is_no_cause():
    """A huge allocation for one file does not mean that memory is short."""
    try:
        try:
            raise MemoryError
        except MemoryError:
            raise ValueError('x.pth is damaged') from None
    except ValueError as error:
        assert failure_report.failure_line(error) is None
        error.__suppress_context__ = False
        assert 'out of memory' in failure_report.failure_line(error)


def test_a_lost_connection_is_reported_after_its_cause(monkeypatch, capsys):
    error = chained('[pair.cc:547] Connection closed by peer [::1]:5')
    assert not failure_report.is_lost_connection(error)
    monkeypatch.setenv('WORLD_SIZE', '2')
    monkeypatch.setenv('RANK', '1')
    assert failure_report.is_lost_connection(error)
    # Of libtorch_cuda.
    of_nccl = chained(
        'NCCL error: remote process exited or there was a network error\n'
        'ncclRemoteError: A call failed possibly due to a network error or a '
        'remote process exiting prematurely.'
    )
    assert failure_report.is_lost_connection(of_nccl)
    assert not failure_report.is_lost_connection(chained('of its own'))
    done = []
    # These tests may have children as well.
    end = 'workers end'
    monkeypatch.setattr(
        failure_report, 'end_workers', lambda: done.append(end)
    )
    monkeypatch.setattr(time, 'sleep', lambda seconds: done.append(seconds))
    monkeypatch.setattr(os, '_exit', lambda status: done.append(status))
    before = signal.getsignal(signal.SIGTERM)
    try:
        failure_report.end_after_other_ranks(error)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert done == [failure_report.PATIENCE, end, 1]
    said = capsys.readouterr().err
    assert said.startswith('error: rank 1: another rank has ended ([pair.cc')


@pytest.mark.parametrize(
    ('cause', 'expected'),
    [
        (OSError(28, 'No space left on device', '/x'), 'the disk is full'),
        (
            RuntimeError('DataLoader worker (pid(s) 12) exited unexpectedly'),
            'a worker of the data loader (process 12) ended',
        ),
    ],
)
def test_an_own_cause_precedes_lost_connections(
    monkeypatch, capsys, cause, expected
):
    monkeypatch.setenv('WORLD_SIZE', '2')
    monkeypatch.setattr(command_line, 'end_workers', lambda: None)
    lost = []
    monkeypatch.setattr(command_line, 'end_after_other_ranks', lost.append)

    def tool():
        raise cause from ConnectionResetError(104, 'Connection reset by peer')

    with pytest.raises(SystemExit) as caught:
        run_tool(tool)
    assert caught.value.code == 1 and not lost
    assert expected in capsys.readouterr().err


def test_a_work_folder_that_is_gone_is_reported(tmp_path):
    run = tmp_path / 'run'
    log = run / '2026' / 'scalars.json'

    def told(path, kind=FileNotFoundError) -> str | None:
        error = RuntimeError('in between')
        error.__cause__ = kind(2, 'No such file or directory', str(path))
        return failure_report.removed_folder(error, str(run))

    assert str(run) in told(log)
    # Not for a file that never existed or of another program.
    log.parent.mkdir(parents=True)
    assert told(log) is None
    assert told(tmp_path / 'data' / 'a.jpg') is None
    assert told(run / 'other' / 'a.json', PermissionError) is None


def test_the_last_line_is_printed_while_another_thread_fails(capfd):
    """``torch.distributed`` replaces ``sys.stderr`` meanwhile."""

    def end():
        with contextlib.redirect_stderr(io.StringIO()):
            failure_report.end_process('the cause', 70)

    child = get_context('fork').Process(target=end)
    child.start()
    child.join(60)
    assert child.exitcode == 70
    assert capfd.readouterr().err == 'error: the cause\n'
