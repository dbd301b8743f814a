"""Commands with an account of their processor time."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from benchmarks.evidence.processes import Account, Interrupted, run
from benchmarks.evidence.runs import ROOT

# Works for as many processor seconds as it is given.
WORK = (
    'import sys, time\nwhile time.process_time() < float(sys.argv[1]): pass\n'
)


def test_seconds_add_up_over_calls(tmp_path):
    for _ in range(2):
        account = Account(tmp_path / 'account.json')
        command = [sys.executable, '-c', WORK, '0.5']
        run(command, account, 'train', tmp_path / 'log', tmp_path)
    other = [sys.executable, '-c', 'pass']
    run(other, account, 'measure', tmp_path / 'log', tmp_path)
    seconds = json.loads((tmp_path / 'account.json').read_text())
    assert seconds['train'] >= 1.0
    assert seconds['measure'] < seconds['train']


def test_seconds_of_descendants_count(tmp_path):
    child = (
        'import subprocess, sys\n'
        'subprocess.run([sys.executable, *sys.argv[1:]])\n'
    )
    account = Account(tmp_path / 'account.json')
    command = [sys.executable, '-c', child, '-c', WORK, '0.5']
    run(command, account, 'train', tmp_path / 'log', tmp_path)
    assert account.seconds['train'] >= 0.5


def test_a_failure_is_told_with_its_last_line(tmp_path):
    account = Account(tmp_path / 'account.json')
    command = [sys.executable, '-c', 'raise SystemExit("no such thing")']
    with pytest.raises(RuntimeError, match='1: no such thing'):
        run(command, account, 'train', tmp_path / 'log', tmp_path)


def test_a_signal_ends_the_command_and_restores_the_handlers(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    account = Account(tmp_path / 'account.json')
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    command = [sys.executable, '-c', WORK, '60']
    with pytest.raises(Interrupted):
        run(command, account, 'train', tmp_path / 'log', tmp_path)
    assert signal.getsignal(signal.SIGTERM) == before
    assert 0 < account.seconds['train'] < 30


@pytest.mark.skipif(sys.platform != 'linux', reason='prctl')
def test_a_command_ends_with_a_killed_caller(tmp_path):
    script = (
        'import sys\n'
        'from pathlib import Path\n'
        'from benchmarks.evidence.processes import Account, run\n'
        'here = Path(sys.argv[1])\n'
        'command = [sys.executable, "-c", sys.argv[2]]\n'
        'run(command, Account(here / "a"), "train", here / "log", here)\n'
    )
    work = 'import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n'
    caller = subprocess.Popen(
        [sys.executable, '-c', script, str(tmp_path), work], cwd=ROOT
    )
    log = tmp_path / 'log'
    deadline = time.monotonic() + 60
    while not log.exists() or not log.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    pid = int(log.read_text())
    caller.kill()
    caller.wait()
    while os.path.exists(f'/proc/{pid}/stat'):
        with open(f'/proc/{pid}/stat') as file:
            if file.read().split()[2] == 'Z':
                break
        assert time.monotonic() < deadline
        time.sleep(0.05)
