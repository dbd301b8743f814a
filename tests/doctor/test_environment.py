"""Probes of packages that crash, hang or write output."""

from mixmae.doctor.environment import run_every_probe, run_probe


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


def test_probe_survives_exit() -> None:
    assert run_probe('import os; os._exit(3)').error.startswith(
        'exit status 3'
    )


PROCESS = "import os; answer['version'] = str(os.getpid())"


def test_working_probes_share_one_process() -> None:
    found = run_every_probe({'a': PROCESS, 'b': PROCESS})
    assert list(found) == ['a', 'b']
    assert found['a'].version == found['b'].version


def test_probes_from_a_failing_one_on_run_alone() -> None:
    spoilt = 'import json; json.spoilt = True'
    codes = {
        'a': PROCESS,
        'b': f"{spoilt}; raise ImportError('no', name='b')",
        'c': f"{PROCESS}; import json; assert not hasattr(json, 'spoilt')",
    }
    found = run_every_probe(codes)
    assert [probe.works for probe in found.values()] == [True, False, True]
    assert found['b'].error == 'ImportError: no'
    assert found['c'].version != found['a'].version


def test_a_crash_does_not_affect_other_probes() -> None:
    codes = {'a': PROCESS, 'b': 'import os; os.abort()', 'c': PROCESS}
    found = run_every_probe(codes)
    assert found['b'].error == 'the interpreter crashed (SIGABRT)'
    assert found['a'].works and found['c'].works
    assert found['a'].version != found['c'].version
