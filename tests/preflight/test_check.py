"""Checks run by stage and mode, and all errors are listed together."""

import pytest
from mmengine.config import Config

from mixmae.config.config_error_lines import config_error_line
from mixmae.config.failure_report import ConfigError
from mixmae.preflight import (
    Check,
    Finding,
    PlannedRun,
    Preflight,
    PreflightHook,
)
from mixmae.preflight.check import PreflightError


class Recorded(Check):
    """Check with a given finding that counts its calls."""

    stage = 'config'

    def __init__(self, name, finding, stage='config', modes=('train',)):
        self.name, self.finding = name, finding
        self.stage, self.modes = stage, modes
        self.calls = 0

    def run(self, planned):
        self.calls += 1
        return self.finding


def planned(mode='train'):
    return PlannedRun(mode, Config({}))


def test_a_check_runs_in_its_stage_and_mode_only():
    here = Recorded('here', Finding('a'))
    later = Recorded('later', Finding('b'), stage='built')
    other = Recorded('other', Finding('c'), modes=('test',))
    preflight = Preflight([here, later, other])
    preflight.run('config', planned())
    assert (here.calls, later.calls, other.calls) == (1, 0, 0)
    preflight.run('built', planned())
    assert (here.calls, later.calls, other.calls) == (1, 1, 0)
    assert [row.split()[0] for row in preflight.table().splitlines()] == [
        'here',
        'later',
    ]


def test_checks_that_rely_on_one_with_an_error_do_not_run():
    guard = Recorded('guard', Finding('a', errors=('fault',)))
    guard.guards = True
    later = Recorded('later', Finding('b'))
    with pytest.raises(PreflightError):
        Preflight([guard, later]).run('config', planned())
    assert (guard.calls, later.calls) == (1, 0)


def test_all_faults_are_listed_one_line_each():
    preflight = Preflight(
        [
            Recorded('one', Finding('x', errors=('first  fault',))),
            Recorded('none', None),
            Recorded('two', Finding('y', errors=('second\tfault', 'third'))),
        ]
    )
    with pytest.raises(PreflightError) as info:
        preflight.run('config', planned())
    assert config_error_line(info.value) == (
        'first fault\nsecond fault\nthird'
    )
    assert 'none' not in preflight.table()


def test_a_warning_does_not_stop_the_run(caplog):
    preflight = Preflight([Recorded('w', Finding('x', warnings=('hm',)))])
    preflight.run('config', planned())
    assert 'warning' in preflight.table()


def test_errors_of_an_ignored_check_are_warnings(caplog):
    fault = Finding('x', errors=('wrong for me',), warnings=('hm',))
    right = Recorded('right', Finding('y', errors=('true fault',)))
    ignored = Preflight([Recorded('one', fault)], ['one'])
    ignored.run('config', planned())
    assert ignored.findings['one'].warnings == ('wrong for me', 'hm')
    assert not ignored.findings['one'].errors
    with pytest.raises(PreflightError, match='true fault') as info:
        Preflight([Recorded('one', fault), right], ['one']).run(
            'config', planned()
        )
    assert 'wrong for me' not in str(info.value)


@pytest.mark.parametrize('finding', [None, Finding('x')])
def test_ignoring_a_check_without_errors_is_noted(finding):
    preflight = Preflight([Recorded('one', finding)], ['one'])
    preflight.run('config', planned())
    (note,) = preflight.findings['one'].notes
    assert "'one'" in note and 'no error' in note


def test_faults_of_the_first_validation_can_be_ignored():
    class Late(Recorded):
        def validated(self, planned, found):
            return ['late fault']

    def validate(*ignored):
        checks = Preflight([Late('late', None)], ignored)
        PreflightHook(checks, planned()).after_val_epoch(None, {})

    with pytest.raises(PreflightError, match='late fault'):
        validate()
    validate('late')


def test_unknown_and_protecting_checks_cannot_be_ignored():
    guard = Recorded('guard', None)
    guard.protects = True
    for name in ('guard', 'nothing'):
        with pytest.raises(ConfigError, match=f"'{name}': .* it has: other"):
            Preflight([guard, Recorded('other', None)], [name])
