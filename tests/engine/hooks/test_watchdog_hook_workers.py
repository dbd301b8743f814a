"""Killed workers and batches that cannot be sent end the training."""

import multiprocessing
import os
import queue
import re
import resource
import signal
import subprocess
import time
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from mixmae.config.failure_report import end_workers, failure_line
from mixmae.engine.hooks.interrupt_hook import ShieldedWorker
from mixmae.engine.hooks.watchdog_hook import ProcessWatch, dead_children


@pytest.fixture
def child():
    one = get_context('fork').Process(target=time.sleep, args=(60,))
    one.start()
    yield one
    one.kill()
    one.join()


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, 'nothing in 60 s'
        time.sleep(0.01)


def test_a_killed_child_is_detected_and_can_still_be_waited_for(child):
    assert child.pid not in dead_children()
    os.kill(child.pid, signal.SIGKILL)
    wait_for(lambda: child.pid in dead_children())
    assert dead_children()[child.pid] == -signal.SIGKILL
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert child.pid not in dead_children()


def test_the_process_ends_after_the_grace_period(child):
    ended = queue.SimpleQueue()
    watch = ProcessWatch(ended.put, grace=0.1, poll=0.02)
    watch.start()
    os.kill(child.pid, signal.SIGSEGV)
    assert ended.get(timeout=30) == {child.pid: -signal.SIGSEGV}
    watch.stop()


def test_a_child_that_is_waited_for_does_not_end_the_process(child):
    """PyTorch's own error has already reached the main thread."""
    ended = queue.SimpleQueue()
    watch = ProcessWatch(ended.put, grace=1.0, poll=0.02)
    watch.start()
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    time.sleep(0.2)
    watch.stop()
    assert ended.empty()


class Numbers(Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, index):
        return os.getpid() if index == 0 else index


def begun():
    """Return a loader with a few prefetched batches, and its worker."""
    loader = DataLoader(
        Numbers(), None, num_workers=1, worker_init_fn=ShieldedWorker()
    )
    batches = iter(loader)
    return batches, next(batches)


def signal_from_outside(pid: int, number: signal.Signals) -> None:
    # Another process than the worker's parent.
    subprocess.run(['kill', f'-{int(number)}', str(pid)], check=True)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_one_signal_from_outside_is_ignored(number):
    batches, worker = begun()
    signal_from_outside(worker, number)
    assert list(batches) == list(range(1, 40))


def test_a_second_signal_ends_the_worker():
    batches, worker = begun()
    signal_from_outside(worker, signal.SIGTERM)
    # Of two signals at once one would be lost.
    next(batches)
    next(batches)
    signal_from_outside(worker, signal.SIGINT)
    with pytest.raises(RuntimeError, match='exited unexpectedly|killed'):
        list(batches)


def test_a_signal_of_the_parent_ends_it_at_once():
    batches, worker = begun()
    os.kill(worker, signal.SIGTERM)
    with pytest.raises(RuntimeError, match='exited unexpectedly|killed'):
        list(batches)


# Backtracks in C, which keeps the interpreter's lock.
ENDLESS = re.compile(r'(a+)+$')


class Stuck(Numbers):
    """Data set whose second item never returns and holds the GIL."""

    def __init__(self, begin, begun):
        self.begin = begin
        self.begun = begun

    def __getitem__(self, index):
        if index == 1:
            # A thread still has to send the first item.
            wait_for(self.begin.exists)
            self.begun.touch()
            ENDLESS.match('a' * 60 + 'b')
        return index


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process."""
    # Fields from 3 on; the name before them may contain anything.
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf('SC_CLK_TCK')


def test_a_worker_that_blocks_the_interpreter_is_killed(tmp_path):
    marks = tmp_path / 'begin', tmp_path / 'begun'
    # Another test may have left its own.
    others = set(multiprocessing.active_children())
    loader = DataLoader(
        Stuck(*marks), None, num_workers=1, worker_init_fn=ShieldedWorker()
    )
    batches = iter(loader)
    next(batches)
    (worker,) = set(multiprocessing.active_children()) - others
    marks[0].touch()
    wait_for(marks[1].exists)
    # Only the match takes that long.
    enough = cpu_seconds(worker.pid) + 0.2
    wait_for(lambda: cpu_seconds(worker.pid) >= enough)
    worker.terminate()
    worker.join(0.2)
    assert worker.is_alive()
    handler = signal.getsignal(signal.SIGCHLD)
    end_workers()
    assert not worker.is_alive()
    assert signal.getsignal(signal.SIGCHLD) is handler


def test_a_given_init_function_is_called_first(tmp_path):
    def init(worker_id):
        (tmp_path / f'worker {worker_id}').touch()

    loader = DataLoader(
        Numbers(), None, num_workers=1, worker_init_fn=ShieldedWorker(init)
    )
    next(iter(loader))
    assert [path.name for path in tmp_path.iterdir()] == ['worker 0']


class Unsendable(Numbers):
    def __getitem__(self, index):
        return (lambda: index) if index == 3 else index


@pytest.fixture
def watch(monkeypatch):
    feeder = multiprocessing.queues.Queue
    before = feeder._on_queue_feeder_error
    monkeypatch.setattr(feeder, '_on_queue_feeder_error', before)
    watch = ProcessWatch(print)
    watch.start()
    yield
    watch.stop()


def test_a_batch_that_cannot_be_sent_is_an_error(watch, capfd):
    loader = DataLoader(Unsendable(), None, num_workers=1, timeout=60)
    with pytest.raises(RuntimeError, match='exited unexpectedly'):
        list(loader)
    assert 'must consist of tensors' in capfd.readouterr().err


class Tensors(Numbers):
    def __getitem__(self, index):
        return {str(key): torch.ones(2) for key in range(40)}


def few_files(_):
    resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))


# While they are collated or sent.
@pytest.mark.parametrize('collate', [None, list])
def test_few_open_files_are_one_line(watch, capfd, collate):
    loader = DataLoader(
        Tensors(),
        40,
        num_workers=1,
        timeout=60,
        worker_init_fn=few_files,
        collate_fn=collate,
    )
    with pytest.raises(RuntimeError) as caught:
        list(loader)
    line = failure_line(caught.value) or ''
    assert 'ulimit -n' in line + capfd.readouterr().err
