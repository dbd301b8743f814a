"""One contender in a process of its own."""

import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from benchmarks.contender import Contender, ContenderError


def measured_here(settings: dict) -> dict:
    return {'number': settings['number'] + 1}


def test_figures_come_back_whatever_is_printed(contender):
    found = contender('one', seconds=2.5).measure()
    assert found['seconds'] == 2.5
    assert found['environment'] == 'hi'
    # What is to be measured is not imported by the harness.
    assert found['torch'] is False
    assert 0 < found['process_cpu_seconds'] < found['process_seconds'] + 1
    # Of a bare Python, not of this process, which started it.
    assert 2e6 < found['process_peak_bytes'] < 1e8


def test_a_function_is_found_by_its_name(root, monkeypatch):
    one = Contender('one', measured_here, {'number': 41})
    assert one.entry_name == f'{__name__}:measured_here'
    spec = types.SimpleNamespace(name='benchmarks.step')
    main = types.SimpleNamespace(__spec__=spec, __file__='step.py')
    monkeypatch.setitem(sys.modules, '__main__', main)
    monkeypatch.setattr(measured_here, '__module__', '__main__')
    assert one.entry_name == 'benchmarks.step:measured_here'
    main.__spec__, main.__file__ = None, __file__
    assert one.measure()['number'] == 42


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'raises': True}, 'ValueError: one: no such luck'),
        ({'dies': True}, 'ended by SIGKILL: out of memory\\?'),
        ({'leaves': True}, 'exit 3: '),
    ],
)
def test_failures_say_why_in_a_line(contender, settings, message):
    with pytest.raises(ContenderError, match=f'^{message}') as error:
        contender('one', **settings).measure()
    assert '\n' not in str(error.value)
    if 'raises' in settings:
        assert 'Traceback' in error.value.said


def test_an_unknown_entry_is_a_failure():
    with pytest.raises(ContenderError, match='No module named'):
        Contender('one', 'benchmarks.nothing:measure').measure()


def test_who_takes_too_long_is_ended(contender):
    with pytest.raises(ContenderError, match='took longer than 1 s'):
        contender('one', sleep=100).measure(1.0)


@pytest.mark.skipif(sys.platform != 'linux', reason='Linux ends children')
def test_nobody_outlives_a_benchmark_that_is_killed(contender, root, tmp_path):
    """It would disturb what is measured next."""
    noted = tmp_path / 'pid'
    one = contender('one', sleep=100, pid=str(noted))
    code = (
        'from benchmarks.contender import Contender\n'
        f'Contender("one", {one.entry!r}, {one.settings!r}).measure()'
    )
    with subprocess.Popen([sys.executable, '-c', code], cwd=root) as parent:
        wait_until(lambda: noted.is_file() and noted.read_text()[-1:] == ' ')
        parent.kill()
    # Gone, or waiting to be buried by whoever adopted it.
    status = Path(f'/proc/{int(noted.read_text())}/stat')
    wait_until(lambda: not status.is_file() or ' Z ' in status.read_text())


def wait_until(done) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)
