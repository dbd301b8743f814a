"""Probes survive whatever the probed package does."""

import sys

from mixmae.doctor.facts import Facts, describe, run_probe


def test_probe_reads_the_answer_below_other_output() -> None:
    probe = run_probe("print('banner'); answer['version'] = '1.2'")
    assert probe.works
    assert probe.version == '1.2'


def test_probe_names_the_missing_module() -> None:
    probe = run_probe('import no_such_package_at_all')
    assert not probe.works
    assert probe.absent('no_such_package_at_all')


def test_probe_keeps_one_line_of_an_error() -> None:
    probe = run_probe(r"raise ImportError('first\nsecond')")
    assert probe.error == 'ImportError: first'
    assert not probe.missing


def test_an_extension_that_does_not_load_is_not_missing() -> None:
    code = "raise ImportError('undefined symbol: x', name='mmcv._ext')"
    assert not run_probe(code).missing


def test_probe_survives_a_crash() -> None:
    probe = run_probe('import os; os.abort()')
    assert probe.error == 'the interpreter crashed (SIGABRT)'


def test_probe_survives_exit() -> None:
    assert run_probe('import os; os._exit(3)').error.startswith(
        'exit status 3'
    )


def test_describe_with_nothing_installed() -> None:
    rows = dict(describe(Facts(python=sys.version_info[:2])))
    assert rows['torch'] == 'not installed'
    assert rows['mmcv.ops'] == 'none'
