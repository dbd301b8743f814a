"""Processes end with their launcher or parent process."""

import os
import signal
import subprocess
import sys
import time

import pytest

from mixmae.fileio.worker_processes import CALLER, LAUNCHED
from tests.tools.running import ROOT

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', sys.argv[1]])
print(child.pid, flush=True)
time.sleep(60)
"""
CHILD = """
import os, signal, sys, time
from mixmae.fileio.worker_processes import end_with_launcher
def told(*_):
    print('told', flush=True)
    os._exit(75)
signal.signal(signal.SIGTERM, told)
end_with_launcher(poll=0.05)
end_with_launcher(poll=0.05)
print('ready', flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize('launched', [True, False])
def test_ranks_of_a_killed_launcher_are_reported(launched):
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


def test_ranks_end_with_the_call_that_started_their_launcher():
    with subprocess.Popen(['sleep', '60']) as caller:
        environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
        environment[CALLER] = str(caller.pid)
        rank = subprocess.Popen(
            [sys.executable, '-c', CHILD],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        assert rank.stdout.readline() == 'ready\n'
        caller.kill()
    assert rank.stdout.readline() == 'told\n'
    assert rank.wait() == 75


POOL = """
import os, time
from mixmae.fileio.worker_processes import parallel_map
def work(index):
    if index % 8 == 0:
        # One write: with PYTHONUNBUFFERED, print writes the line break apart.
        os.write(1, b'%d\\n' % os.getpid())
    time.sleep(0.05)
list(parallel_map(work, range(200), 2))
"""


def test_workers_of_a_killed_process_end():
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, '-c', POOL],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    workers = {int(process.stdout.readline()) for _ in range(8)}
    assert process.pid not in workers
    process.kill()
    process.wait()
    # The pipe ends when no process has it open.
    process.stdout.read()
    end = time.monotonic() + 30
    while any(map(lives, workers)):
        assert time.monotonic() < end
        time.sleep(0.1)


def lives(pid: int) -> bool:
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False
