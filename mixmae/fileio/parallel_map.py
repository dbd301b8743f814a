"""Calls a function for many things in several processes."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

Item = TypeVar('Item')
Result = TypeVar('Result')
# Things that a process takes at a time.
CHUNK = 16


class LostWorkerError(Exception):
    """A process was killed; ``args[0]`` is how many results there were."""


def parallel_map(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[Result]:
    """What a function makes of things, in their order.

    Args:
        function: can be pickled.
        items: all of them.
        workers: processes; 0 or 1 for this one alone, as for few items.

    Raises:
        LostWorkerError: one of the processes was killed.
    """
    if workers <= 1 or len(items) < 2 * workers:
        yield from map(function, items)
        return
    # Spawned workers would import torch each. (An executor, not a Pool: that
    # would wait forever for a worker that was killed.)
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context(
        'fork' if 'fork' in methods else None
    )
    executor = ProcessPoolExecutor(workers, context)
    # A hundred million items are not handed over at once.
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
