"""Watchdog: which rank is reported when ranks wait for each other."""

import inspect
import re
import threading
import time

import pytest
import torch
from mmengine.logging import MessageHub
from torch import distributed

from mixmae.distributed import watchdog
from mixmae.distributed.watchdog import Progress, Watchdog


def dog(store=None, rank=0, **kwargs) -> Watchdog:
    kwargs = {'timeout': 10.0, 'on_hang': lambda _: None, **kwargs}
    return Watchdog(store or distributed.HashStore(), rank, 3, **kwargs)


def hang_message(mine, first, second, idle, found=None) -> str:
    """Return the message of rank 0, whose step began ``idle`` s ago."""
    found = found or dog()
    found._mine = Progress(*mine, 0)
    return found.hang_message(
        {1: Progress(*first), 2: Progress(*second)}, found._since + idle
    )


STEP = ('iteration 4', True)


def test_no_report_within_the_time_limit():
    assert not hang_message((4, *STEP), (4, *STEP, 1), (3, *STEP, 1), 9)


def test_the_last_rank_reports_first_with_its_stack():
    mine, other = (3, 'loading', False), (4, *STEP, 1)
    line = hang_message(mine, other, other, 11)
    assert line.startswith('no progress for 11 s in loading; it hangs in\n')
    assert __name__.split('.')[-1] in line


def test_the_others_name_it_later():
    mine, behind, level = (4, *STEP), (3, 'loading', False, 1), (4, *STEP, 1)
    assert not hang_message(mine, level, behind, 14)
    line = hang_message(mine, level, behind, 16)
    assert line == (
        'waited 16 s in iteration 4 for rank 2, which hangs in loading'
    )


def test_of_ranks_at_one_step_the_one_that_does_not_wait_is_named(monkeypatch):
    waiting, busy = (4, *STEP, 1, True), (4, *STEP, 1, False)
    line = hang_message((4, *STEP), waiting, waiting, 11)
    assert line.startswith('no progress for 11 s in iteration 4; it hangs')
    monkeypatch.setattr(watchdog, 'WAITING', (__file__, 'watchdog.py'))
    assert 'for rank 1, which' in hang_message((4, *STEP), busy, waiting, 16)
    line = hang_message((4, *STEP), waiting, waiting, 11)
    assert '(as ranks 1, 2)' in line


@pytest.mark.parametrize('place', [MessageHub, torch.cuda.Event])
def test_a_rank_waits_where_it_reads_results_of_a_gpu(place):
    lock, found = threading.Lock(), dog()
    lock.acquire()
    # Its innermost frame is of that file, as of a thread within ``item``.
    code = compile('acquire()', inspect.getfile(place), 'exec')
    thread = threading.Thread(
        target=exec, args=(code, {'acquire': lock.acquire})
    )
    thread.start()
    found._watched = thread.ident
    # The thread needs a moment to get there.
    waits = any(found._waits() or time.sleep(0.01) for _ in range(500))
    lock.release()
    thread.join()
    assert waits


def test_long_work_of_all_ranks_is_accepted():
    probe = (9, 'the end of epoch 1', False)
    assert not hang_message(probe, (*probe, 1), (*probe, 1), 10_000)


def test_a_rank_without_heartbeat():
    found = dog()
    mine, level = (4, *STEP), (4, *STEP, 1, True)
    assert not hang_message(mine, level, (*level[:3], 1, True), 2, found)
    line = hang_message(mine, (*level[:3], 2, True), level, 16, found)
    assert 'for rank 2, which sends no heartbeat' in line


def test_finished_ranks_are_not_reported():
    found = dog()
    mine, ended = (5, 'the end', False), (5, 'the end', False, -1)
    assert not hang_message(mine, ended, ended, 1, found)
    assert not hang_message(mine, ended, ended, 100, found)


@pytest.mark.parametrize('quiet', [True, False])
def test_threads_find_the_hanging_rank(quiet):
    store, reported, heard = distributed.HashStore(), {}, threading.Event()

    def on_hang(rank: int, line: str) -> None:
        reported[rank] = line
        heard.set()

    # The rank with priority reports first, for any thread speed.
    limits = dict(timeout=1.0, grace=0.1 if quiet else 600.0, poll=0.02)
    dogs = [
        dog(store, rank, **limits,
            on_hang=lambda line, rank=rank: on_hang(rank, line))
        for rank in range(3)
    ]  # fmt: skip
    for one in dogs[:2]:
        one.mark('iteration 1', True)
    for one in dogs:
        # Rank 2 was stopped before it reported, or is behind.
        if not (quiet and one.rank == 2):
            one.start()
    assert heard.wait(60)
    for one in dogs:
        one.stop()
    rank, line = next(iter(reported.items()))
    if quiet:
        # A thread that paused for a while is reported as well.
        assert rank < 2 and re.search('for (rank|ranks [01],) 2', line)
    else:
        assert rank == 2 and 'in the start; it hangs in' in line


def test_the_thread_ends_with_the_process(monkeypatch):
    """A thread inside the store would abort the interpreter's exit."""
    at_exit = []
    monkeypatch.setattr(watchdog.atexit, 'register', at_exit.append)
    monkeypatch.setattr(watchdog.atexit, 'unregister', at_exit.remove)
    found = dog(poll=0.01)
    found.start()
    [end] = at_exit
    assert found._thread.is_alive()
    end()
    assert not found._thread.is_alive() and not at_exit
