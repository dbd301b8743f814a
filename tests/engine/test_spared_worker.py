import os
import signal
import subprocess

import pytest
from torch.utils.data import DataLoader, Dataset

from mixmae.engine.spared_worker import SparedWorker


class Numbers(Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, index):
        return os.getpid() if index == 0 else index


def begun():
    """A loader with few batches ahead, and its worker."""
    loader = DataLoader(
        Numbers(), None, num_workers=1, worker_init_fn=SparedWorker()
    )
    batches = iter(loader)
    return batches, next(batches)


def signal_from_outside(pid: int, number: signal.Signals) -> None:
    # Another process than the worker's parent.
    subprocess.run(['kill', f'-{int(number)}', str(pid)], check=True)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_one_signal_from_outside_is_let_pass(number):
    batches, worker = begun()
    signal_from_outside(worker, number)
    assert list(batches) == list(range(1, 40))


def test_the_second_ends_the_worker():
    batches, worker = begun()
    signal_from_outside(worker, signal.SIGTERM)
    # Of two signals at once one would be lost.
    next(batches)
    next(batches)
    signal_from_outside(worker, signal.SIGINT)
    with pytest.raises(RuntimeError, match='exited unexpectedly|killed'):
        list(batches)


def test_its_parent_ends_it_at_once():
    batches, worker = begun()
    os.kill(worker, signal.SIGTERM)
    with pytest.raises(RuntimeError, match='exited unexpectedly|killed'):
        list(batches)


def test_what_was_to_be_called_first_is(tmp_path):
    def init(worker_id):
        (tmp_path / f'worker {worker_id}').touch()

    loader = DataLoader(
        Numbers(), None, num_workers=1, worker_init_fn=SparedWorker(init)
    )
    next(iter(loader))
    assert [path.name for path in tmp_path.iterdir()] == ['worker 0']
