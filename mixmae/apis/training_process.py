"""Training of a config in new processes, one per device, and its display."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import IO

from tqdm import tqdm

from mixmae.apis.output_folder import OutputFolder
from mixmae.config.config_file import read_config
from mixmae.config.failure_report import EXIT_INTERRUPTED
from mixmae.engine.manifest.manifest import written_files
from mixmae.fileio.safe_path import FLAG, trusted

COLOUR = re.compile(r'\x1b\[[0-9;]*m')
# A line of MMEngine's logger.
RECORD = re.compile(r'\d\d/\d\d \d\d:\d\d:\d\d - [\w.]+ - ([A-Z]+) - (.*)')
STEP = re.compile(
    r'(Epoch|Iter)\((train|val)\)\s+(?:\[(\d+)\])?\[\s*(\d+)/\s*(\d+)\]\s+(.*)'
)
# In "loss: 0.9549  img_per_s: 73.2  eta: 0:00:02".
FIGURE = re.compile(r'([\w/.-]+): (\S+)')
# Of libraries, about themselves.
NOISE = re.compile(
    'will be deprecated|is deprecated|The prefix is not set in metric class'
)
UNSHOWN = ('time', 'data_time')
# A file gets about so many lines on epochs, and one at least after so many
# seconds.
LINES, PATIENCE = 40, 300.0


class TrainingDisplay:
    """Shows what matters of a training's output.

    On a terminal there is a progress bar; a file gets a line for each epoch,
    or for every few of them. Results of validations and warnings are lines.

    Args:
        epochs: Epochs of the run; 0 for loops by iterations.
        verbose: Show all lines as they are.

    Attributes:
        error: The error line of the training; '' without one.
    """

    def __init__(self, epochs: int = 0, verbose: bool = False) -> None:
        self.epochs = epochs
        self.verbose = verbose
        self.error = ''
        self._bar: tqdm | None = None
        self._said: set[str] = set()
        self._due = 0
        self._last = time.monotonic()

    def show(self, line: str) -> None:
        """Show a line of the output if it matters."""
        line = COLOUR.sub('', line.rstrip('\n'))
        if line.startswith('error: '):
            self.error = self.error or line.removeprefix('error: ')
        if self.verbose:
            print(line, flush=True)
            return
        found = RECORD.match(line)
        if found is None:
            return
        level, text = found.groups()
        step = STEP.match(text)
        if step is not None:
            self._step(step)
        elif level in ('WARNING', 'ERROR', 'CRITICAL'):
            self._warn(text)

    def close(self) -> None:
        """End the progress bar."""
        if self._bar is not None:
            self._bar.close()

    def _warn(self, text: str) -> None:
        if text not in self._said and not NOISE.search(text):
            self._said.add(text)
            self._print(f'warning: {text}')

    def _step(self, step: re.Match) -> None:
        kind, mode, epoch, done, total = step.groups()[:5]
        figures = {
            name: value
            for name, value in FIGURE.findall(step[6])
            if name not in UNSHOWN
        }
        if mode == 'val':
            shown = [
                f'{name} {value}'
                for name, value in figures.items()
                if name != 'eta' and name != 'memory'
            ]
            if shown and done == total:
                where = f'epoch {epoch}' if kind == 'Epoch' else 'so far'
                self._print(f'{where}: validation  {"  ".join(shown)}')
            return
        first = int(epoch or 1) - 1
        iterations = first * int(total) + int(done)
        # An epoch number is known for loops by epochs only.
        last = int(total) * (self.epochs if epoch else 1)
        notes = [f'loss {figures.get("loss", "?")}']
        if 'img_per_s' in figures:
            notes.append(f'{figures["img_per_s"]} images/s')
        if 'eta' in figures:
            notes.append(f'eta {figures["eta"]}')
        text = '  '.join(notes)
        if sys.stderr.isatty():
            self._advance(iterations, last, text)
            return
        now = time.monotonic()
        waited = now - self._last > PATIENCE
        if (iterations >= self._due and done == total) or waited:
            self._due = iterations + max(1, last // LINES)
            self._last = now
            place = f'{epoch}/{self.epochs}' if epoch else f'{done}/{total}'
            self._print(f'{kind.lower()} {place}  {text}')

    def _advance(self, done: int, total: int, text: str) -> None:
        if self._bar is None:
            self._bar = tqdm(
                total=total,
                bar_format='{percentage:3.0f} %|{bar}| {n}/{total}{postfix}',
            )
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(done - self._bar.n)

    def _print(self, text: str) -> None:
        if self._bar is not None:
            self._bar.write(text)
        else:
            print(text, flush=True)


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
        folder: The folder.
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
        folder: The folder.
        processes: One for each device.
        on_cpu: Hide GPUs.
        verbose: Show everything.
        ignored: Names of preflight checks that only warn.

    Raises:
        TrainingFailedError: It ended with an error, or was interrupted.
    """
    command = training_command(folder, processes, ignored)
    environment = dict(os.environ, PYTHONUNBUFFERED='1')
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
        saved = written_files(folder.path, folder.path)
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
