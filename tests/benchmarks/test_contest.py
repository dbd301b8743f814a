"""Contenders take turns, fail alone, and leave a file of figures."""

import argparse
import json

import pytest

from benchmarks.contender import Contender
from benchmarks.contest import Contest, check_contest_arguments
from benchmarks.figure_table import Column
from mixmae.engine.command_line import failure_line


def test_contenders_take_turns(contender, options, tmp_path, capsys):
    out = tmp_path / 'new' / 'figures.json'
    three = [contender(name) for name in 'abc']
    contest = Contest(three, options('--out', out, '--seed', 7))
    contest.run()
    assert ''.join(contender.ran()) == 'abc' + 'bca'
    assert [list(one) for one in contest.rounds] == [[*'abc'], [*'bca']]
    assert 'round 2 of 2: a, ' in capsys.readouterr().err
    written = json.loads(out.read_text())
    assert written['seed'] == 7 and written['commit'] and written['cpu']
    assert written['command'].startswith('python ')
    assert written['contenders']['b']['settings']['name'] == 'b'
    assert written['rounds'] == contest.rounds
    row = written['summary']['b']['seconds']
    # Runs 2 and 4 against runs 1 and 6.
    assert row['median'] == 3.0
    assert row['ratio'] == pytest.approx((2 / 1 + 4 / 6) / 2)


def test_who_fails_loses_nobody_elses_figures(contender, options, capsys):
    three = [
        contender('a'),
        contender('b', raises=True),
        contender('c', seconds=3.0),
    ]
    contest = Contest(three, options())
    contest.run()
    # Not started again.
    assert ''.join(contender.ran()) == 'abc' + 'ca'
    assert contest.errors == {'b': 'ValueError: b: no such luck'}
    contest.require_figures()
    table = contest.table([Column('seconds', 's', ratio=True)]).splitlines()
    assert [line.split()[0] for line in table] == ['median', 'a', 'c', 'b']
    assert table[-1] == 'b failed: ValueError: b: no such luck'
    assert 'failed' in capsys.readouterr().err


def test_nobody_has_figures(contender, options, tmp_path):
    out = tmp_path / 'figures.json'
    contest = Contest([contender('a', dies=True)], options('--out', out))
    contest.run()
    assert 'a failed: ended by SIGKILL' in contest.table([Column('s', 's')])
    assert 'SIGKILL' in json.loads(out.read_text())['errors']['a']
    with pytest.raises(SystemExit, match='error: nothing was measured'):
        contest.require_figures()


def test_rounds_that_warm_up_do_not_count(contender, options):
    contest = Contest(
        [contender('a')], options('--rounds', 1, '--warmup-rounds', 2)
    )
    contest.run()
    assert len(contender.ran()) == 3
    assert [one['a']['seconds'] for one in contest.rounds] == [3.0]


def test_only_some(contender, options):
    both = [contender('a'), contender('b')]
    contest = Contest(both, options('--rounds', 1, '--only', 'b'))
    contest.run()
    assert contender.ran() == ['b']
    with pytest.raises(ValueError, match='--only x: choose from a, b') as info:
        Contest(both, options('--only', 'b', 'x'))
    # Users see no traceback.
    assert failure_line(info.value) == '--only x: choose from a, b'


def test_names_are_unique(contender, options):
    with pytest.raises(ValueError, match='each needs its own name'):
        Contest([contender('a'), contender('a')], options())


def test_no_round_begins_too_late(options, monkeypatch, capsys):
    """Rounds of two minutes, and five minutes for all of them."""
    now = [0.0]
    monkeypatch.setattr('benchmarks.contest.time.monotonic', lambda: now[0])
    limits = []

    def measure(self: Contender, seconds: float) -> dict:
        limits.append(seconds)
        now[0] += 120
        return {'process_seconds': 120.0}

    monkeypatch.setattr(Contender, 'measure', measure)
    contest = Contest(
        [Contender('a', 'nothing:at_all')],
        options('--rounds', 9, '--minutes', 5),
    )
    contest.run()
    assert limits == [300, 180]
    assert len(contest.rounds) == 2
    assert 'no time for round 3 of 9' in capsys.readouterr().err


def test_time_that_is_over_loses_no_figures(contender, options, monkeypatch):
    measure = Contender.measure
    # However slow this machine is, it is over when the second one runs.
    limits = {'a': None, 'b': 0.1}
    monkeypatch.setattr(
        Contender, 'measure', lambda one, _: measure(one, limits[one.name])
    )
    both = [contender('a'), contender('b', sleep=100)]
    contest = Contest(both, options('--rounds', 9, '--minutes', 60))
    contest.run()
    assert list(contest.rounds[0]) == ['a']
    assert contest.errors['b'].startswith('took longer than ')
    assert contest.table([Column('seconds', 's')]).startswith('median of 1')


def test_figures_survive_an_interruption(
    contender, options, monkeypatch, tmp_path
):
    out = tmp_path / 'figures.json'
    contest = Contest([contender('a')], options('--out', out))
    measure = Contender.measure

    def interrupted(self, seconds):
        if contest.rounds:
            raise KeyboardInterrupt
        return measure(self, seconds)

    monkeypatch.setattr(Contender, 'measure', interrupted)
    contest.run()
    assert len(json.loads(out.read_text())['rounds']) == 1


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (['--rounds', '0'], '--rounds must be at least 1'),
        (['--warmup-rounds', '-1'], '--warmup-rounds must be at least 0'),
        (['--minutes', '0'], '--minutes 0.0 must be above 0'),
    ],
)
def test_bad_options(options, capsys, given, message):
    with pytest.raises(SystemExit):
        check_contest_arguments(argparse.ArgumentParser(), options(*given))
    assert message in capsys.readouterr().err
