"""A few hundred cases of ``python -m tests.fuzz``, and its detection."""

import os
import signal

import pytest

from mixmae.fileio.safe_path import FLAG
from tests.fuzz import campaign
from tests.fuzz.campaign import Case, cases, run
from tests.fuzz.forked_outcome import outcome
from tests.fuzz.mutations import MUTATIONS


def test_every_case_is_loaded_or_refused_in_one_line():
    found = run(seed=0, count=150)
    assert not found['faults'], found
    # Both outcomes must occur.
    assert found['counts']['loaded'] > 5 and found['counts']['refused'] > 50


def test_cases_are_reproducible():
    first = list(cases(seed=3, count=40))
    assert first[17:] == list(cases(seed=20, count=23))
    assert {case.kind.split()[-1] for case in first} == set(MUTATIONS)


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def ask_for_memory() -> None:
    bytearray(2**36)


def refuse() -> None:
    raise ValueError('no')


@pytest.mark.parametrize(
    ('work', 'expected'),
    [
        (crash, 'signal SIGSEGV'),
        (ask_for_memory, 'raised: Traceback'),
        (refuse, 'refused: no'),
        (lambda: os._exit(0), 'signal none'),
        (lambda: 3, 'done: 3'),
    ],
)
def test_outcomes(work, expected):
    assert outcome(work).startswith(expected)


@pytest.mark.parametrize(
    ('said', 'expected'),
    [
        ('signal SIGSEGV', 'signal SIGSEGV'),
        ('raised: KeyError', 'raised'),
        ('done: loaded', 'loaded'),
        ('refused: {path} is damaged', 'refused'),
        ('refused: it is damaged', 'the file is not named'),
        ('refused: {path} is\ndamaged', 'no single line'),
        (f'refused: {{path}}: use {FLAG}', 'a damaged file is to be trusted'),
    ],
)
def test_faults(said, expected, monkeypatch, tmp_path):
    said = said.format(path=tmp_path / 'case.pth')
    monkeypatch.setattr(campaign, 'outcome', lambda _: said)
    what, fault = Case(0, 'run zip bytes', b'').read(tmp_path)
    assert what == expected
    assert fault == ('' if what in ('loaded', 'refused') else said)
