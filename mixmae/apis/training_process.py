"""Training of a config in new processes, one for each device."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import IO

from mixmae.apis.output_folder import OutputFolder
from mixmae.apis.training_display import TrainingDisplay
from mixmae.config.config_file import read_config
from mixmae.config.failure_report import EXIT_INTERRUPTED
from mixmae.engine.manifest.manifest import RunFolders, written_files
from mixmae.fileio.safe_path import FLAG, trusted
from mixmae.fileio.worker_processes import CALLER

# Everything that a training and its libraries write.
LOG = 'training.log'
# Seconds between two looks at the log.
PAUSE = 0.2
SIGNALS = ('SIGINT', 'SIGTERM', 'SIGHUP')


class TrainingFailedError(RuntimeError):
    """The process of a training ended with an error.

    Args:
        message: One line.
        status: Exit status of the process.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def training_command(
    folder: OutputFolder, processes: int, ignored: Sequence[str] = ()
) -> list[str]:
    """Return the command that trains the config in the folder of a run.

    Args:
        processes: One for each device.
        ignored: Names of preflight checks that only warn.
    """
    train = ['-m', 'mixmae', 'train', str(folder.config)]
    train += ['--work-dir', str(folder.path)]
    if folder.resumes:
        train.append('--resume')
    if folder.overwrite:
        train.append('--overwrite')
    if trusted():
        train.append(FLAG)
    for name in ignored:
        train += ['--ignore-check', name]
    if processes == 1:
        return [sys.executable, *train]
    launcher = ['-m', 'torch.distributed.run', '--standalone']
    launcher += [f'--nproc-per-node={processes}']
    return [sys.executable, *launcher, *train, '--launcher', 'pytorch']


def report_failure(error: TrainingFailedError) -> int:
    """Print the line of a failed training; return its exit status."""
    print(f'error: {error}', file=sys.stderr)
    return error.status


def train_folder(
    folder: OutputFolder,
    processes: int,
    on_cpu: bool,
    verbose: bool,
    ignored: Sequence[str] = (),
) -> None:
    """Train the config in the folder of a run.

    Lines that matter are shown, and all are written to a log. A signal to this
    process ends the training after its next update, with a checkpoint.

    Args:
        processes: One for each device.
        on_cpu: Hide GPUs.
        ignored: Names of preflight checks that only warn.

    Raises:
        TrainingFailedError: It ended with an error, or was interrupted.
    """
    command = training_command(folder, processes, ignored)
    environment = dict(os.environ, PYTHONUNBUFFERED='1')
    environment[CALLER] = str(os.getpid())
    if on_cpu:
        environment['CUDA_VISIBLE_DEVICES'] = ''
    if processes > 1:
        # Each would start a thread for every core.
        threads = max(1, (os.cpu_count() or 1) // processes)
        environment.setdefault('OMP_NUM_THREADS', str(threads))
        # Processes that are started again would get a dead store:
        # https://github.com/pytorch/pytorch/issues/135712
        environment['TORCH_DISABLE_SHARE_RDZV_TCP_STORE'] = '1'
    # 0 for loops by iterations.
    epochs = read_config(folder.config).train_cfg.get('max_epochs', 0)
    display = TrainingDisplay(epochs, verbose)
    path = folder.path / LOG
    with path.open('ab') as log, path.open(errors='replace') as shown:
        shown.seek(0, os.SEEK_END)
        # A session of its own: the keyboard's signal is passed on once.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        with _passed_on(process):
            while process.poll() is None:
                _show(shown, display)
                time.sleep(PAUSE)
        _show(shown, display)
    display.close()
    status = process.returncode
    if status == 0:
        return
    if status == EXIT_INTERRUPTED:
        message = (
            f'interrupted; the checkpoint in {folder.path} can be resumed'
        )
    elif status == -signal.SIGTERM:
        # Before the hook that saves is there, or by a second signal.
        status = EXIT_INTERRUPTED
        saved = written_files(RunFolders(folder.path, folder.path))
        message = 'interrupted; ' + (
            f'the last checkpoint in {folder.path} can be resumed'
            if saved
            else 'nothing was saved: the same command starts again'
        )
    elif display.error:
        message = display.error
    else:
        message = f'the training ended with status {status}; see {path}'
    raise TrainingFailedError(message, status)


def _show(file: IO[str], display: TrainingDisplay) -> None:
    """Show complete lines that have been written since the last call."""
    while True:
        place = file.tell()
        line = file.readline()
        if not line.endswith('\n'):
            # The rest is not there yet.
            file.seek(place)
            return
        display.show(line)


@contextlib.contextmanager
def _passed_on(process: subprocess.Popen) -> Iterator[None]:
    """Pass signals to this process on to another one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def pass_on(number: int, frame: FrameType | None) -> None:
        # A second signal ends the training at once.
        process.send_signal(signal.SIGTERM)

    numbers = [getattr(signal, n) for n in SIGNALS if hasattr(signal, n)]
    before = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
