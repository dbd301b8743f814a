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
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def run_hidden(*arguments, **kwargs):
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
    done = subprocess.run(
        [sys.executable, '-c', HIDE, *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def test_a_training_ends(tmp_path):
    path = write_config(tmp_path / 'tiny.py', tiny_config(tmp_path / 'run'))
    done = run_hidden(ROOT / 'tools/train.py', path)
    assert (tmp_path / 'run/epoch_3.pth').is_file()
    assert 'cannot be locked' in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    'tool',
    sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / 'tools').rglob('*.py')
        if path.parent.name != 'model_converters'
    ),
)
def test_every_tool_starts(tool):
    run_hidden(ROOT / tool, '--help')
