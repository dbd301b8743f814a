"""One-line reports of failures outside of config and code."""

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
from typing import NoReturn

import torch

from mixmae.fileio.atomic_write import CheckpointWriteError
from mixmae.fileio.shown_text import shown_line, shown_lines

EXIT_FAILURE = 1
# Seconds in which the launcher sees the rank that failed first.
PATIENCE = 5.0
# No space, or no more of it for this user.
FULL = (errno.ENOSPC, errno.EDQUOT)
REMOVED = 'the folder was removed while the run was writing to it'
KILLED = re.compile(
    r'DataLoader worker \(pid\(?s?\)? ([\d, ]+)\) '
    r'(?:is killed by signal: ([\w ]+)|exited unexpectedly)'
)
TIMED_OUT = re.compile(r'DataLoader timed out after (\d+) seconds')
# Of gloo, NCCL and PyTorch's stores.
LOST = re.compile(
    r'Connection closed by peer|Connection reset by peer|Broken pipe|'
    r'Timed out waiting|Socket Timeout|Socket closed|NCCL communicator was '
    r'aborted|wait timeout after|failed to (?:send|recv)|collective.*timeout',
    re.IGNORECASE,
)


def failure_line(error: BaseException) -> str | None:
    """Return a line on a failure and its remedy.

    Returns:
        One line, ``None`` for errors that need their traceback.
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
        if isinstance(one, OSError) and one.errno in FULL:
            return (
                f'the disk is full: {text}; existing checkpoints are intact: '
                'free disk space or set another --work-dir, and continue with '
                '--resume'
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
    """Return a line if the work folder, or a part of it, was removed.

    Args:
        error: That stopped the run.
        folder: Its work folder.
    """
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
    """Whether another rank is gone, and this one only noticed."""
    return ranks() > 1 and any(LOST.search(str(one)) for one in _chain(error))


def ranks() -> int:
    """How many processes train together, as their launcher says."""
    return int(os.environ.get('WORLD_SIZE', '1') or 1)


def print_error(text: str) -> None:
    """Print errors, one a line, on stderr; of several ranks with the rank."""
    rank = f'rank {os.environ.get("RANK", "?")}: ' if ranks() > 1 else ''
    for line in text.split('\n'):
        shown = shown_line(line)
        print(f'error: {rank}{shown}', file=sys.stderr, flush=True)


def note_for_torchrun(text: str) -> None:
    """Leaves a message that torchrun shows in its report."""
    path = os.environ.get('TORCHELASTIC_ERROR_FILE')
    if not path or os.path.exists(path):
        return
    text = shown_lines(text)
    about = {'py_callstack': text, 'timestamp': str(int(time.time()))}
    with contextlib.suppress(OSError), open(path, 'w') as file:
        json.dump({'message': {'message': text, 'extraInfo': about}}, file)


def end_process(text: str, status: int) -> NoReturn:
    """Ends at once, from any thread, although others of it may hang."""
    print_error(text)
    note_for_torchrun(text.splitlines()[0])
    _end_now(status)


def end_after_other_ranks(error: BaseException) -> NoReturn:
    """Ends a rank that lost another one, but lets that one be seen first.

    A launcher reports the rank that ends first as the cause, and ends the
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
    """Kills loaders' workers, for which the end would wait; some hang."""
    children = multiprocessing.active_children()
    if not children:
        return
    # PyTorch's handler would take them for lost ones and say so; only the
    # main thread may take it away.
    before = None
    # Windows has no such signal.
    with contextlib.suppress(ValueError, AttributeError):
        before = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for child in children:
        child.kill()
    for child in children:
        # One that waits for a dead disk cannot even be killed.
        child.join(1)
    if before is not None and not any(one.is_alive() for one in children):
        signal.signal(signal.SIGCHLD, before)


def _end_now(status: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    end_workers()
    os._exit(status)


def killed_worker(pids: str, name: str | None) -> str:
    """Line on loader workers that died.

    Args:
        pids: Their process numbers.
        name: Description of the signal that killed them, if one did.
    """
    how = f'was killed by {name}' if name else 'ended unexpectedly'
    causes = 'most likely the machine ran out of memory (see dmesg)'
    if name and 'Bus' in name:
        causes = 'most likely /dev/shm is full (docker: --shm-size)'
    elif name and 'Segmentation' in name:
        causes = 'an image library crashed on a file'
    return (
        f'a worker of the data loader (process {pids}) {how}: {causes}; '
        'reduce train_dataloader.num_workers or batch_size, and continue with '
        '--resume'
    )


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        # "raise ... from None" says that what was before does not matter.
        before = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or before
    return found
