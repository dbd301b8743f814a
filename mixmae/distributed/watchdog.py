"""Detection of the rank that blocks the others."""

from __future__ import annotations

import atexit
import json
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

# Stack frames of the main thread that the report of a hung rank shows.
FRAMES = 12
# Innermost files of a thread that waits for other ranks. Gradients are
# exchanged within the backward pass, which a GPU does on its own: there the
# host waits where it reads a loss, or an event.
WAITING = (
    'torch/distributed/',
    'torch/autograd/graph.py',
    'mmengine/logging/message_hub.py',
    'torch/cuda/streams.py',
)


class Progress(NamedTuple):
    """Progress of a rank.

    Attributes:
        begun: Number of steps begun; all ranks do the same steps.
        step: Name of the current step, for messages.
        timed: Whether the step has a time limit even if all ranks are in it.
        beat: Heartbeat; grows as long as the process lives.
        waits: Whether the main thread is where it may wait for other ranks.
    """

    begun: int
    step: str
    timed: bool
    beat: int
    waits: bool = False


START = Progress(0, 'the start', False, 0)


class Watchdog:
    """Thread that publishes the progress of its rank and watches the others.

    If a rank has begun no step for ``timeout`` seconds, the rank that is
    behind the others reports first, with its stack. The waiting ranks report
    ``grace`` seconds later, because the hung rank may be unable to. Ranks that
    have begun the same number of steps are not reported, however long the step
    takes (a probe, a validation), unless the step is ``timed``.

    Args:
        store: A ``torch.distributed`` store that all ranks share.
        rank, world_size: Of this process.
        timeout, grace: Seconds.
        on_hang: Called once, with the line to print; it should end the
            process.
        poll: Seconds between two checks.
    """

    def __init__(
        self,
        store: Any,
        rank: int,
        world_size: int,
        timeout: float,
        on_hang: Callable[[str], None],
        grace: float = 5.0,
        poll: float = 1.0,
    ) -> None:
        self.store = store
        self.rank = rank
        self.world_size = world_size
        self.timeout = timeout
        self.on_hang = on_hang
        self.grace = grace
        self.poll = poll
        self._mine = START
        self._since = time.monotonic()
        self._seen: dict[int, tuple[int, float]] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._answer: queue.SimpleQueue | None = None
        self._watched = threading.get_ident()

    def mark(self, step: str, timed: bool = False) -> None:
        """Record that the calling thread begins a step."""
        self._since = time.monotonic()
        self._mine = Progress(self._mine.begun + 1, step, timed, 0)

    def start(self) -> None:
        """Start to watch the calling thread."""
        self._watched = threading.get_ident()
        self._since = time.monotonic()
        self._thread = threading.Thread(
            target=self._run, name='watchdog', daemon=True
        )
        self._thread.start()
        # At every exit: a thread that returns from the store while the
        # interpreter shuts down would abort the process.
        atexit.register(self.stop)

    def stop(self) -> None:
        """End the thread; other ranks no longer expect a heartbeat."""
        atexit.unregister(self.stop)
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5 * self.poll)

    def _run(self) -> None:
        beat = 0
        while not self._stop.wait(self.poll):
            beat += 1
            try:
                found = self.hang_message(self._ask(beat), time.monotonic())
            # The store was on the first rank, which has ended.
            except Exception as error:
                found = self._without_store(error)
            if found and not self._stop.is_set():
                self.on_hang(found)
                return
        # The store may have ended; then no rank could read the progress.
        with suppress(Exception):
            self._publish(-1)

    def _ask(self, beat: int) -> Mapping[int, Progress]:
        """Publish the progress of this rank; return that of the others.

        A store whose machine is down does not answer, not even with an error.
        A separate thread asks it, which may block forever.
        """
        if self._answer is None:
            self._answer = queue.SimpleQueue()
            threading.Thread(
                target=self._talk, args=(beat, self._answer), daemon=True
            ).start()
        try:
            found = self._answer.get(timeout=self.timeout)
        except queue.Empty:
            raise TimeoutError(
                f'no response for {self.timeout:g} s; the machine of the '
                'first rank or the network is down'
            ) from None
        self._answer = None
        if isinstance(found, Exception):
            raise found
        return found

    def _talk(self, beat: int, answer: queue.SimpleQueue) -> None:
        try:
            self._publish(beat)
            answer.put(self._others())
        # Any exception: the other thread handles it.
        except Exception as error:
            answer.put(error)

    def _publish(self, beat: int) -> None:
        mine = self._mine._replace(beat=beat, waits=self._waits())
        self.store.set(f'watchdog/{self.rank}', json.dumps(mine))

    def _others(self) -> dict[int, Progress]:
        found = {}
        for rank in range(self.world_size):
            key = f'watchdog/{rank}'
            if rank == self.rank:
                continue
            found[rank] = START
            if self.store.check([key]):
                found[rank] = Progress(*json.loads(self.store.get(key)))
        return found

    def hang_message(self, others: Mapping[int, Progress], now: float) -> str:
        """Return the error message; '' if there is no error.

        Args:
            others: Progress of the other ranks.
            now: Value of ``time.monotonic``.
        """
        silent = self._silent(others, now)
        idle = now - self._since
        if idle < self.timeout:
            return ''
        mine = self._mine
        everyone = {**others, self.rank: mine._replace(waits=self._waits())}
        least = min(progress.begun for progress in everyone.values())
        most = max(progress.begun for progress in everyone.values())
        missing = [r for r, p in everyone.items() if p.begun == least < most]
        if not missing and mine.timed:
            # All ranks are in the same step: report those that do not wait for
            # others.
            missing = [r for r, p in everyone.items() if not p.waits]
            missing = missing or list(everyone)
        missing = silent or missing
        if not missing:
            return ''
        if self.rank in missing:
            also = [rank for rank in missing if rank != self.rank]
            return (
                f'no progress for {idle:.0f} s in {mine.step}'
                f'{f" (as {_ranks(also)})" if also else ""}; it hangs in\n'
                f'{self._stack()}'
            )
        if idle < self.timeout + self.grace:
            return ''
        sign = (
            'which sends no heartbeat: its process was stopped, or its '
            'machine is down; it was last seen'
            if silent
            else 'which hangs'
        )
        return (
            f'waited {idle:.0f} s in {mine.step} for {_ranks(missing)}, '
            f'{sign} in {others[missing[0]].step}'
        )

    def _silent(self, others: Mapping[int, Progress], now: float) -> list[int]:
        """Return ranks that have published no heartbeat for some time."""
        found = []
        for rank, progress in others.items():
            beat, since = self._seen.get(rank, (None, now))
            if beat != progress.beat:
                self._seen[rank] = (progress.beat, now)
            elif progress.beat >= 0 and now - since > self.timeout / 2:
                found.append(rank)
        return found

    def _waits(self) -> bool:
        """Return True if the watched thread is waiting for other ranks."""
        frame = sys._current_frames().get(self._watched)
        file = frame.f_code.co_filename if frame is not None else ''
        return any(place in file for place in WAITING)

    def _without_store(self, error: Exception) -> str:
        if time.monotonic() - self._since < self.timeout:
            return ''
        return (
            f'waits in {self._mine.step} and cannot reach the other ranks: '
            f'{str(error).splitlines()[0]}'
        )

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._watched)
        lines = traceback.format_stack(frame)[-FRAMES:]
        return ''.join(lines).rstrip()


def _ranks(ranks: list[int]) -> str:
    word = 'rank ' if len(ranks) == 1 else 'ranks '
    return word + ', '.join(map(str, ranks))
