"""The benchmark counts right and says what it counted; no timing here."""

import json
import sys

import pytest
import torch

from benchmarks import method_models, methods
from benchmarks.contender import Contender
from mixmae.engine.command_line import run_tool
from mixmae.registry import MODELS
from tests.models.pairs import pair_config


@pytest.fixture(autouse=True)
def same_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_measures_each_method(monkeypatch):
    names = {'um-mae': 'um-mae', 'simmim': 'simmim-16', 'mixmae': 'mixmae'}
    monkeypatch.setattr(
        method_models,
        'model_config',
        lambda method, *_: pair_config('log-swin', names[method]),
    )
    options = ['--img-size', '128', '--batch', '3', '--list-saved', '3']
    quick = ['--steps', '1', '--warmup', '0', '--threads', '1']
    quick += ['--clock', 'cpu']
    monkeypatch.setattr(sys, 'argv', ['methods', *options, *quick])
    found = {
        one.name: methods.measure(dict(one.settings))
        for one in methods.contenders(methods.parse_args())
    }
    assert set(found) == set(names)
    for row in found.values():
        assert row['images_per_second'] > 0 and len(row['step_seconds']) == 1
        assert row['peak_bytes'] > 1e8
        assert len(row['largest']) == 3
        grows = row['saved_bytes_per_further_image']
        assert 0.3 < grows / row['saved_bytes_per_image'] <= 1
    # A quarter of the tokens goes through the encoder.
    bytes_ = {k: v['saved_bytes_per_image'] for k, v in found.items()}
    assert bytes_['um-mae'] < 0.75 * bytes_['simmim']


@pytest.mark.parametrize('backbone', ['swin-t', 'pvt-s'])
def test_one_network_under_three_methods(backbone):
    found = method_models.networks(backbone, 256)
    with torch.device('meta'):
        built = {name: MODELS.build(found[name]) for name in found}
    assert len({str(net.num_features) for net in built.values()}) == 1
    assert len({str(net.depths) for net in built.values()}) == 1
    sizes = {
        name: sum(p.numel() for p in net.parameters())
        for name, net in built.items()
    }
    # SimMIM's is UM-MAE's, but for what it sees at once.
    if backbone == 'swin-t':
        assert sizes['um-mae'] == sizes['simmim']
        windows = [found[name]['window_sizes'] for name in found]
        assert windows == [[16, 16, 16, 8], [8, 8, 8, 4], [16, 16, 16, 8]]
    assert min(sizes.values()) > 2e7 and max(sizes.values()) < 3.5e7


def row(speed: float, saved: float = 2e8) -> dict:
    return {
        'images_per_second': speed,
        'peak_bytes': 1e9,
        'saved_bytes_per_image': saved,
        'saved_bytes_per_further_image': saved,
        'largest': [('(2, 3) float32 here.py:1', 24e6)],
    }


def test_methods_take_turns_and_figures_are_written(
    monkeypatch, tmp_path, capsys
):
    calls = []

    def measure(self, seconds):
        calls.append(self.name)
        return {**row(4.0, saved=56.5e6), 'process_seconds': 1.0}

    monkeypatch.setattr(Contender, 'measure', measure)
    out = tmp_path / 'new' / 'figures.json'
    options = ['--rounds', '2', '--list-saved', '1', '--out', str(out)]
    monkeypatch.setattr(sys, 'argv', ['methods', *options])
    methods.main()
    first = ['simmim', 'mixmae', 'um-mae']
    assert calls == [*first, *first[1:], first[0]]
    written = json.loads(out.read_text())
    assert len(written['rounds']) == 2 and written['commit']
    assert written['settings']['backbone'] == 'swin-t'
    assert written['summary']['um-mae']['images_per_second']['ratio'] == 1.0
    said = capsys.readouterr().out
    assert '226 (measured elsewhere): 4.00 times less' in said
    assert '3.00 MB/img (2, 3) float32 here.py:1' in said


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--img-size', '100'], '--img-size 100 is no multiple of 64'),
        (
            ['--device', 'cuda', '--clock', 'cpu'],
            '--clock cpu tells nothing about --device cuda',
        ),
        (['--rounds', '0'], '--rounds must be at least 1'),
        (['--backbone', 'vit-b'], '--backbone vit-b: choose swin- or pvt-'),
    ],
)
def test_bad_arguments_are_one_line(monkeypatch, capsys, options, message):
    monkeypatch.setattr(sys, 'argv', ['methods', *options])
    with pytest.raises(SystemExit) as exit_:
        run_tool(methods.main)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_runs_a_method_in_a_process_of_its_own(monkeypatch, tmp_path, capsys):
    out = tmp_path / 'figures.json'
    small = ['--methods', 'simmim', '--img-size', '64', '--batch', '1']
    quick = ['--rounds', '1', '--steps', '1', '--warmup', '0']
    small += ['--threads', '1', '--backbone', 'swin-mini', '--out', str(out)]
    monkeypatch.setattr(sys, 'argv', ['methods', *quick, *small])
    methods.main()
    found = json.loads(out.read_text())['summary']
    assert found['simmim']['saved_bytes_per_image']['median'] > 1e6
    assert capsys.readouterr().out.splitlines()[1].startswith('simmim ')
