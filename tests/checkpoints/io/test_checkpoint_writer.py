import multiprocessing
import threading

import pytest

from mixmae.checkpoints.io.checkpoint_writer import (
    CheckpointWriter,
)
from mixmae.fileio.atomic_write import CheckpointWriteError


def test_operations_run_in_order_in_the_background():
    writer, done, gate = CheckpointWriter(), [], threading.Event()

    def slow():
        gate.wait(10)
        done.append(1)

    writer.put(slow)
    writer.put(lambda: done.append(2))
    assert done == []
    gate.set()
    writer.finish()
    assert done == [1, 2]


def test_an_error_is_raised_and_stops_later_operations():
    writer, done, gate = CheckpointWriter(), [], threading.Event()

    def fail():
        gate.wait(10)
        raise OSError(28, 'No space left on device', 'run/epoch_3.pth')

    writer.put(fail)
    writer.put(lambda: done.append('removed the old one'))
    gate.set()
    message = 'epoch_3.pth could not be written: No space left.*--resume'
    with pytest.raises(CheckpointWriteError, match=message):
        writer.finish()
    with pytest.raises(CheckpointWriteError):
        writer.put(lambda: done.append('another'))
    assert done == []
    # Another training in this process is not affected.
    writer.forget()
    writer.put(lambda: done.append('its own'))
    writer.finish()
    assert done == ['its own']


def test_errors_of_any_type_are_raised():
    writer = CheckpointWriter()

    def fail():
        raise MemoryError('too large')

    writer.put(fail)
    with pytest.raises(CheckpointWriteError, match='MemoryError.*too large'):
        writer.finish()


def test_a_forked_process_has_its_own_thread(tmp_path):
    writer = CheckpointWriter()
    writer.put(lambda: None)
    writer.finish()

    def write() -> None:
        writer.put((tmp_path / 'written').touch)
        writer.finish()

    child = multiprocessing.get_context('fork').Process(target=write)
    child.start()
    child.join(120)
    child.kill()
    assert (tmp_path / 'written').exists()
