"""Contenders that cost nothing, and the options of a contest."""

import argparse
from pathlib import Path

import pytest

from benchmarks.contender import Contender
from benchmarks.contest import add_contest_arguments

# Each run notes its name: a file of the order in which they ran.
CONTENDER = """
import os
import sys
import time


def measure(settings):
    with open(settings['notes'], 'a') as file:
        file.write(settings['name'] + '\\n')
    print('noise on stdout', flush=True)
    os.write(1, b'and below it')
    if settings.get('raises'):
        raise ValueError(f"{settings['name']}:\\n  no such luck")
    if settings.get('dies'):
        os.kill(os.getpid(), 9)
    if settings.get('leaves'):
        os._exit(3)
    if 'pid' in settings:
        with open(settings['pid'], 'w') as file:
            file.write(f'{os.getpid()} ')
    time.sleep(settings.get('sleep', 0))
    with open(settings['notes']) as file:
        turn = len(file.read().split())
    # The machine slows down with every run.
    return {
        'seconds': settings.get('seconds', 1.0) * turn,
        'environment': os.environ.get('GREETING'),
        'torch': 'torch' in sys.modules,
        'missing': None,
    }
"""


@pytest.fixture
def contender(tmp_path):
    """Makes contenders by name; ``contender.ran()`` says who ran when."""
    script = tmp_path / 'a contender.py'
    script.write_text(CONTENDER)
    notes = tmp_path / 'notes'

    def make(name: str, **settings: object) -> Contender:
        own = {'name': name, 'notes': str(notes), **settings}
        return Contender(name, f'{script}:measure', own, {'GREETING': 'hi'})

    make.ran = lambda: notes.read_text().split()
    return make


def options(*given: object) -> argparse.Namespace:
    """What a script would read from its command line."""
    parser = argparse.ArgumentParser()
    add_contest_arguments(parser, rounds=2)
    return parser.parse_args([*map(str, given)])


@pytest.fixture(name='options')
def options_fixture():
    return options


@pytest.fixture
def root() -> Path:
    return Path(__file__).resolve().parents[2]
