"""What is compared; trainings themselves are started by nobody here."""

import argparse
from pathlib import Path

import pytest

from benchmarks import planning
from benchmarks.contender import ROOT, Contender
from benchmarks.contest import Contest


def figures(step):
    return dict(
        step=step, memory=2e9, mfu=0.5, matmul_rate=step * 1e10, log='log'
    )


def test_configs_are_there():
    for config, batch, _ in planning.RUNS.values():
        assert (ROOT / config).is_file() and batch > 0


def test_pairs_of_a_round(monkeypatch):
    """B from A's log by the tool, and by what A made of products."""
    args = argparse.Namespace(
        iterations=10,
        clock='cpu',
        threads=1,
        seed=0,
        sources=['demo'],
        only=['demo', 'wider'],
    )
    contest = Contest(planning.contenders(args, Path('folder')), args)
    contest.rounds = [dict(demo=figures(1.0), wider=figures(4.0))] * 2

    def measure(self):
        assert self.name == 'wider' and self.settings['log'] == 'log'
        assert self.environment['OMP_NUM_THREADS'] == '1'
        return dict(step=5.0, memory=1e9)

    monkeypatch.setattr(Contender, 'measure', measure)
    pairs = planning.compare(contest)
    assert pairs == {'demo > wider': dict(step=1.25, memory=0.5, by_mfu=4.0)}
    lines = planning.report(pairs).splitlines()
    assert lines[1].split() == ['demo', '>', 'wider', '1.25', '4.00', '0.50']
    assert 'step: 0 of 1 within 20%' in lines[2]


def test_too_short_a_training(monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', ['planning', '--iterations', '5'])
    with pytest.raises(SystemExit):
        planning.parse_args()
    assert 'must be at least 6' in capsys.readouterr().err
