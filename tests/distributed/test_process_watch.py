"""Dead children and a lost parent are noticed, in real processes."""

import os
import queue
import signal
import subprocess
import sys
import time
from multiprocessing import get_context

import pytest

from mixmae.distributed.process_watch import (
    LAUNCHED,
    ProcessWatch,
    dead_children,
)
from tests.tools.running import ROOT

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', sys.argv[1]])
print(child.pid, flush=True)
time.sleep(60)
"""
CHILD = """
import os, signal, sys, time
from mixmae.distributed.process_watch import ProcessWatch
def told(*_):
    print('told', flush=True)
    os._exit(75)
signal.signal(signal.SIGTERM, told)
ProcessWatch(print, poll=0.05).start()
print('ready', flush=True)
time.sleep(60)
"""


@pytest.fixture
def child():
    one = get_context('fork').Process(target=time.sleep, args=(60,))
    one.start()
    yield one
    one.kill()
    one.join()


def wait_for(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_killed_child_is_seen_and_can_still_be_waited_for(child):
    assert child.pid not in dead_children()
    os.kill(child.pid, signal.SIGKILL)
    wait_for(lambda: child.pid in dead_children())
    assert dead_children()[child.pid] == -signal.SIGKILL
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert child.pid not in dead_children()


def test_the_end_comes_after_the_grace(child):
    ended = queue.SimpleQueue()
    watch = ProcessWatch(ended.put, grace=0.1, poll=0.02)
    watch.start()
    os.kill(child.pid, signal.SIGSEGV)
    assert ended.get(timeout=30) == {child.pid: -signal.SIGSEGV}
    watch.stop()


def test_a_child_that_is_waited_for_ends_nothing(child):
    """As where PyTorch's own error reached the main thread."""
    ended = queue.SimpleQueue()
    watch = ProcessWatch(ended.put, grace=1.0, poll=0.02)
    watch.start()
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    time.sleep(0.2)
    watch.stop()
    assert ended.empty()


@pytest.mark.parametrize('launched', [True, False])
def test_ranks_of_a_killed_launcher_are_told(launched):
    environment = {k: v for k, v in os.environ.items() if k not in LAUNCHED}
    environment['PYTHONPATH'] = str(ROOT)
    if launched:
        environment[LAUNCHED[0]] = 'run'
    parent = subprocess.Popen(
        [sys.executable, '-c', PARENT, CHILD],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    pid = int(parent.stdout.readline())
    assert parent.stdout.readline() == 'ready\n'
    parent.kill()
    if launched:
        assert parent.stdout.readline() == 'told\n'
    else:
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        assert parent.stdout.read() == ''
    parent.wait()
