"""Processes of a training: what is said of their end."""

import os
import sys

import pytest

from mixmae.apis import training_process
from mixmae.apis.output_folder import OutputFolder
from mixmae.apis.training_process import TrainingFailedError
from mixmae.config.failure_report import EXIT_INTERRUPTED
from mixmae.fileio.worker_processes import CALLER


@pytest.mark.parametrize(
    ('saved', 'expected'),
    [
        (False, 'nothing was saved: the same command starts again'),
        (True, 'can be resumed'),
    ],
)
def test_a_signal_that_no_hook_has_handled(
    tmp_path, monkeypatch, saved, expected
):
    """Before the first update, or the second signal."""
    (tmp_path / 'config.py').write_text('train_cfg = dict(max_epochs=1)')
    folder = OutputFolder(tmp_path)
    if saved:
        (tmp_path / 'epoch_1.pth').write_bytes(b'weights')
    code = 'import os, signal; os.kill(os.getpid(), signal.SIGTERM)'
    command = [sys.executable, '-c', code]
    monkeypatch.setattr(
        training_process, 'training_command', lambda *args: command
    )
    with pytest.raises(TrainingFailedError, match=expected) as caught:
        training_process.train_folder(folder, 1, True, False)
    assert caught.value.status == EXIT_INTERRUPTED


def test_a_training_knows_the_process_of_its_call(tmp_path, monkeypatch):
    """It ends when that process is killed, as by a restarted notebook."""
    (tmp_path / 'config.py').write_text('train_cfg = dict(max_epochs=1)')
    code = f'import os; print(os.environ["{CALLER}"])'
    command = [sys.executable, '-c', code]
    monkeypatch.setattr(
        training_process, 'training_command', lambda *args: command
    )
    folder = OutputFolder(tmp_path)
    training_process.train_folder(folder, 1, True, False)
    log = (tmp_path / training_process.LOG).read_text()
    assert log.strip() == str(os.getpid())
