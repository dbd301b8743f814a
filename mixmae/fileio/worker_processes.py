"""Worker processes: a parallel map, and their end when the parent is killed.

It imports nothing heavy: the tools call it before they import PyTorch.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

Item = TypeVar('Item')
Result = TypeVar('Result')
# Number of items per task.
CHUNK = 16


class LostWorkerError(Exception):
    """A process was killed; ``args[0]`` is the number of results so far."""


def parallel_map(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[Result]:
    """Yield the results of a function for all items, in order.

    Args:
        function: Function that can be pickled.
        items: All items.
        workers: Number of processes; 0 or 1 for the current process only,
            which is also used for few items.

    Raises:
        LostWorkerError: A process was killed.
    """
    if workers <= 1 or len(items) < 2 * workers:
        yield from map(function, items)
        return
    # Spawned workers would each import torch. (A Pool instead of an executor
    # would wait forever for a killed worker.)
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context(
        'fork' if 'fork' in methods else None
    )
    executor = ProcessPoolExecutor(workers, context, end_worker_with_parent)
    # Avoids submitting a hundred million items at once.
    pending: deque[Future] = deque()
    done = 0
    try:
        for first in range(0, len(items), CHUNK):
            chunk = items[first : first + CHUNK]
            pending.append(executor.submit(_call, function, chunk))
            if len(pending) > 4 * workers:
                yield from pending.popleft().result()
                done += CHUNK
        while pending:
            yield from pending.popleft().result()
            done += CHUNK
    except BrokenProcessPool:
        raise LostWorkerError(done) from None
    finally:
        executor.shutdown(cancel_futures=True)


def _call(
    function: Callable[[Item], Result], items: Sequence[Item]
) -> list[Result]:
    return [function(item) for item in items]


# Process of the call that trains in other ones, directly or by torchrun.
CALLER = 'MIXMAE_CALLER'
# torchrun, srun and mpirun set one of these in the ranks that they start.
LAUNCHED = (
    'TORCHELASTIC_RUN_ID', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK', CALLER,
)  # fmt: skip
THREAD = 'parent-watch'


def end_with_launcher(poll: float = 1.0) -> None:
    """Send SIGTERM to this process when its launcher has ended.

    A launcher that is killed leaves its ranks running. A training then saves
    and exits, as on any SIGTERM. A process without a launcher is not watched,
    and none is watched twice.

    Args:
        poll: Seconds between two checks.
    """
    watched = any(one.name == THREAD for one in threading.enumerate())
    if not watched and any(name in os.environ for name in LAUNCHED):
        _end_with_parent(poll)


def end_worker_with_parent() -> None:
    """End this worker process when its parent has ended.

    A worker of a ``ProcessPoolExecutor`` would wait for further work forever.
    """
    # A forked worker inherits the handler of its parent.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with_parent()


def _end_with_parent(poll: float = 1.0) -> None:
    parent = os.getppid()
    caller = os.environ.get(CALLER)

    def watch() -> None:
        while os.getppid() == parent and (not caller or _runs(int(caller))):
            time.sleep(poll)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name=THREAD, daemon=True).start()


def _runs(process: int) -> bool:
    # On Windows, signal 0 is Ctrl-C.
    if os.name != 'posix':
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
