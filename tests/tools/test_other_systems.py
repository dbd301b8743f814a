"""Tools start and train without POSIX modules and calls (Windows)."""

import os
import subprocess
import sys

import pytest

from tests.engine.tiny_run import ROOT, tiny_config, write_config

HIDE = """
import builtins, os, runpy, signal, sys
find = builtins.__import__
def hidden(name, globals=None, *more, **named):
    # Libraries ask for the platform first.
    asking = (globals or {}).get('__name__', '')
    ours = asking.startswith(('mixmae', 'benchmarks', '__main__'))
    if ours and name in ('fcntl', 'resource'):
        raise ImportError(name)
    return find(name, globals, *more, **named)
builtins.__import__ = hidden
for module, names in {
    os: ('pread', 'pwrite', 'waitid'),
    signal: ('pthread_sigmask', 'sigwaitinfo'),
}.items():
    for name in names:
        delattr(module, name)
# One process for all scripts: each module is imported once.
scripts, options = sys.argv[1].split(':'), sys.argv[2:]
for script in scripts:
    sys.argv = [script, *options]
    try:
        runpy.run_path(script, run_name='__main__')
    except SystemExit as end:
        if end.code:
            sys.exit(f'{script}: {end.code}')
print('all ended')
"""


def run_hidden(*scripts, options=()):
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
    listed = ':'.join(map(str, scripts))
    done = subprocess.run(
        [sys.executable, '-c', HIDE, listed, *map(str, options)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith('all ended\n')
    return done


def test_a_training_ends(tmp_path):
    path = write_config(tmp_path / 'tiny.py', tiny_config(tmp_path / 'run'))
    done = run_hidden(ROOT / 'tools/train.py', options=[path])
    assert (tmp_path / 'run/epoch_3.pth').is_file()
    assert 'cannot be locked' in done.stdout + done.stderr


@pytest.mark.slow
def test_every_tool_starts():
    tools = [
        path
        for path in sorted((ROOT / 'tools').rglob('*.py'))
        if path.parent.name != 'model_converters'
    ]
    done = run_hidden(*tools, options=['--help'])
    assert done.stdout.count('usage: ') == len(tools)
