"""Paths with spaces and other characters, occupied or read-only folders."""

import time

import pytest
from mmengine.runner import EpochBasedTrainLoop, Runner

from mixmae.fileio.file_lock import WorkDirLock
from tests.engine.forked import start
from tests.engine.tiny_run import ROOT, tiny_config, write_config
from tests.tools.running import call_tool, dist_train

TRAIN, TEST = ROOT / 'tools/train.py', ROOT / 'tools/test.py'
NAME = "größe 'µ' $x; 数"


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """Write a config of one epoch into a folder of that name."""
    monkeypatch.setattr(Runner, '_log_env', lambda *_: None)
    folder = tmp_path / NAME
    folder.mkdir()
    config = tiny_config(folder / 'a run')
    config['log_level'] = 'ERROR'
    config['train_cfg']['max_epochs'] = 1
    return write_config(folder / 'my config.py', config)


def test_train_resume_and_test(monkeypatch, odd, capsys):
    run = odd.parent / 'a run'
    call_tool(monkeypatch, TRAIN, odd)
    assert (run / 'epoch_1.pth').is_file()
    again = ('--resume', '--resume-with', 'config')
    again += ('--cfg-options', 'train_cfg.max_epochs=2')
    call_tool(monkeypatch, TRAIN, odd, *again)
    out = odd.parent / 'out ü.json'
    call_tool(monkeypatch, TEST, odd, run / 'epoch_2.pth', '--out', out)
    assert 'reconstruction/loss' in out.read_text()
    assert 'Traceback' not in capsys.readouterr().err


@pytest.mark.slow
def test_dist_train(odd):
    done = dist_train(odd.name, 1, '--resume', folder=odd.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (odd.parent / 'a run' / 'epoch_1.pth').is_file()


def refusal(monkeypatch, capsys, *arguments) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        call_tool(monkeypatch, *arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_nothing_can_be_written(monkeypatch, odd, capsys):
    below = odd / 'run'
    line = refusal(monkeypatch, capsys, TRAIN, odd, '--work-dir', below)
    assert f'error: the work folder {below} is not writable' in line
    weights = odd.with_name('none.pth')
    options = ('--work-dir', below)
    line = refusal(monkeypatch, capsys, TEST, odd, weights, *options)
    assert line.startswith('error: ') and str(odd) in line


def test_a_second_run_is_refused(monkeypatch, odd, capsys, tmp_path):
    run = odd.parent / 'a run'

    def hold() -> None:
        WorkDirLock(run).acquire()
        (tmp_path / 'held').touch()
        time.sleep(600)

    other = start(hold, tmp_path / 'log')
    while not (tmp_path / 'held').exists():
        assert other.is_alive(), (tmp_path / 'log').read_text()
        time.sleep(0.01)
    line = refusal(monkeypatch, capsys, TRAIN, odd, '--resume')
    assert f'another run uses {run}: process {other.pid} on' in line
    other.kill()
    other.join()
    monkeypatch.setattr(EpochBasedTrainLoop, 'run', lambda loop: None)
    call_tool(monkeypatch, TRAIN, odd, '--resume')
