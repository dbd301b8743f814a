"""``ConfigError`` and ``DataError``, lines on failed runs, exit statuses."""

from __future__ import annotations

import contextlib
import errno
import json
import multiprocessing
import os
import re
import signal
import sys
import time
from traceback import walk_tb
from typing import NoReturn

import torch

from mixmae.fileio.atomic_write import CheckpointWriteError
from mixmae.fileio.shown_text import shown_line, shown_lines


class ConfigError(ValueError):
    """An error in a config or on the command line.

    Args:
        lines: Messages, one line per error. Line breaks within a message are
            replaced by spaces.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__('\n'.join(' '.join(line.split()) for line in lines))


class DataError(ValueError):
    """Invalid data; the message names file or entry and fault in one line.

    A loader's worker passes an error on with its traceback as text; only the
    line written here is shown.
    """

    def __str__(self) -> str:
        marker = f'{type(self).__name__}: '
        return super().__str__().rpartition(marker)[2].strip()


class AnnotationError(DataError):
    """Invalid annotation; the message names file, entry and fault."""


# Environment variable that keeps the traceback of every error.
TRACEBACK = 'MIXMAE_TRACEBACK'
# Exit statuses. Of a run that fails: memory, disks, another rank, a bug.
EXIT_FAILURE = 1
# An error in a config, an argument or a file.
EXIT_CONFIG_ERROR = 2
# A rank hangs: EX_SOFTWARE of sysexits.h.
EXIT_HUNG = 70
# A training was asked to end and has saved: EX_TEMPFAIL of sysexits.h, as the
# same command continues it.
EXIT_INTERRUPTED = 75
# Ctrl-C in a tool without checkpoints: 128 + SIGINT, as in a shell.
EXIT_SIGINT = 130
# File descriptor of standard error.
STDERR = 2
# Seconds in which the launcher notices the rank that failed first.
PATIENCE = 5.0
# No space left, or the quota of the user is exceeded.
FULL = (errno.ENOSPC, errno.EDQUOT)
REMOVED = 'the folder was removed while the run was writing to it'
KILLED = re.compile(
    r'DataLoader worker \(pid\(?s?\)? ([\d, ]+)\) '
    r'(?:is killed by signal: ([\w ]+)|exited unexpectedly)'
)
TIMED_OUT = re.compile(r'DataLoader timed out after (\d+) seconds')
# Messages of gloo, NCCL and PyTorch's stores.
LOST = re.compile(
    r'Connection closed by peer|Connection reset by peer|Broken pipe|'
    r'Timed out waiting|Socket Timeout|Socket closed|NCCL communicator was '
    r'aborted|ncclRemoteError|wait timeout after|failed to (?:send|recv)|'
    r'collective.*timeout',
    re.IGNORECASE,
)


def failure_line(error: BaseException) -> str | None:
    """Return a line on a failure and how to fix it.

    Returns:
        One line, or ``None`` for errors that need a traceback.
    """
    for one in _chain(error):
        text = str(one)
        killed = KILLED.search(text)
        if killed:
            return killed_worker(*killed.groups())
        late = TIMED_OUT.search(text)
        if late:
            return (
                f'the data loader returned no batch within {late[1]} s: a '
                'worker hangs, most often because the storage does not '
                'respond. If the storage is only slow, raise '
                'train_dataloader.timeout'
            )
        if isinstance(one, CheckpointWriteError):
            return text
        if 'Too many open files' in text or _receives_file(one):
            return (
                'too many files are open: raise the limit of this shell '
                '(ulimit -n), or lower num_workers or batch_size of the data '
                'loaders, whose workers send each tensor as a file'
            )
        if isinstance(one, OSError) and one.errno in FULL:
            return (
                f'the disk is full: {text}; free disk space, or write to '
                'another disk; the checkpoints of a training are intact, and '
                '--resume continues it'
            )
        if isinstance(one, torch.OutOfMemoryError):
            return (
                f'the GPU is out of memory: {text.splitlines()[0]} Lower '
                'train_dataloader.batch_size, or use --amp. With '
                'mixmae.UpdateSampler, optim_wrapper.accumulative_counts=2 '
                'keeps the number of images per update at half the batch size'
            )
        if isinstance(one, MemoryError) or "can't allocate memory" in text:
            return (
                f'the machine is out of memory: {text or "MemoryError"}; '
                'reduce batch_size or num_workers of the data loaders'
            )
    return None


def removed_folder(error: BaseException, folder: str) -> str | None:
    """Return a line if the work folder, or a part of it, was removed."""
    folder = os.path.abspath(folder)
    for one in _chain(error):
        path = os.path.abspath(str(getattr(one, 'filename', None) or ''))
        below = path.startswith(folder + os.sep)
        gone = not os.path.isdir(os.path.dirname(path))
        if isinstance(one, FileNotFoundError) and below and gone:
            return (
                f'{folder}: {REMOVED}; start a new run, or restore the folder'
            )
    return None


def is_lost_connection(error: BaseException) -> bool:
    """Return True if an exception is caused by the end of another rank."""
    return ranks() > 1 and any(LOST.search(str(one)) for one in _chain(error))


def ranks() -> int:
    """Return the number of processes that the launcher has started."""
    return int(os.environ.get('WORLD_SIZE', '1') or 1)


def print_error(text: str, kind: str = 'error') -> None:
    """Print errors to stderr, one per line, with the rank."""
    print(_error_lines(text, kind), file=sys.stderr, flush=True)


def _error_lines(text: str, kind: str = 'error') -> str:
    rank = f'rank {os.environ.get("RANK", "?")}: ' if ranks() > 1 else ''
    return '\n'.join(
        f'{kind}: {rank}{shown_line(line)}' for line in text.split('\n')
    )


def print_warning(text: str) -> None:
    """Print a warning before a run has a log."""
    print_error(text, 'warning')


def note_for_torchrun(text: str) -> None:
    """Write a message that torchrun shows in its report."""
    path = os.environ.get('TORCHELASTIC_ERROR_FILE')
    if not path or os.path.exists(path):
        return
    text = shown_lines(text)
    about = {'py_callstack': text, 'timestamp': str(int(time.time()))}
    with contextlib.suppress(OSError), open(path, 'w') as file:
        json.dump({'message': {'message': text, 'extraInfo': about}}, file)


def end_process(text: str, status: int) -> NoReturn:
    """End the process at once, from any thread, even if others hang."""
    # Not to sys.stderr: while another thread ends with an error, the
    # excepthook of torch.distributed collects there what it prints later.
    shown = f'{_error_lines(text)}\n'.encode(errors='backslashreplace')
    with contextlib.suppress(OSError):
        os.write(STDERR, shown)
    note_for_torchrun(text.splitlines()[0])
    _end_now(status)


def end_after_other_ranks(error: BaseException) -> NoReturn:
    """End this rank after another one, which the launcher sees first.

    A launcher reports the first rank that ends as the cause and stops the
    others.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    first = (str(error).splitlines() or [type(error).__name__])[0]
    print_error(
        f'another rank has ended ({first[:200]}). The cause is the first '
        'error above; if there is none, that rank was killed, most likely '
        'because the machine ran out of memory (see dmesg)'
    )
    time.sleep(PATIENCE)
    _end_now(EXIT_FAILURE)


def end_workers() -> None:
    """Kill data loader workers; a worker that hangs would block the exit."""
    children = multiprocessing.active_children()
    if not children:
        return
    # PyTorch's handler would report them as lost. Only the main thread can
    # remove the handler.
    before = None
    # Windows does not have this signal.
    with contextlib.suppress(ValueError, AttributeError):
        before = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for child in children:
        child.kill()
    for child in children:
        # A worker that waits for a failed disk cannot be killed.
        child.join(1)
    if before is not None and not any(one.is_alive() for one in children):
        signal.signal(signal.SIGCHLD, before)


def _end_now(status: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    end_workers()
    os._exit(status)


def killed_worker(pids: str, name: str | None) -> str:
    """Return a line on data loader workers that ended unexpectedly.

    Args:
        pids: Process IDs.
        name: Description of the signal that killed them, if any.
    """
    how = f'was killed by {name}' if name else 'ended unexpectedly'
    causes = 'most likely the machine ran out of memory (see dmesg)'
    if name is None:
        causes = f'if no error of it stands above, {causes}'
    elif 'Bus' in name:
        causes = 'most likely /dev/shm is full (docker: --shm-size)'
    elif 'Segmentation' in name:
        causes = 'an image library crashed on a file'
    return (
        f'a worker of the data loader (process {pids}) {how}: {causes}; '
        'reduce train_dataloader.num_workers or batch_size, and continue with '
        '--resume'
    )


def _receives_file(error: BaseException) -> bool:
    # Python raises an EOFError if this process cannot have one more.
    frames = walk_tb(error.__traceback__)
    return any(frame.f_code.co_name == 'recvfds' for frame, _ in frames)


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        # "raise ... from None" hides the context.
        before = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or before
    return found
