"""What is compared, and that ranks and shares are counted rightly."""

import math
import sys

import pytest
import torch

from benchmarks import method_models, scaling
from benchmarks.contest import Contest
from tests.engine.tiny_run import MODEL


@pytest.fixture
def args(monkeypatch):
    def parse(*options: str):
        monkeypatch.setattr(sys, 'argv', ['scaling', *options])
        return scaling.parse_args()

    threads = torch.get_num_threads()
    yield parse
    torch.set_num_threads(threads)


def test_each_axis_changes_one_thing(args):
    found = args('--device', 'cpu', '--ranks', '2', '4')
    for axis in scaling.AXES:
        settings = [one.settings for one in scaling.contenders(found, axis)]
        assert len(settings) >= 3
        differing = {
            key
            for one in settings
            for key in {**settings[0], **one}
            if one.get(key) != settings[0].get(key)
        }
        assert (
            differing
            == {
                'ranks': {'ranks', 'wrapper', 'port'},
                'size': {'img_size', 'model'},
                'batch': {'batch'},
                'window': {'model'},
            }[axis]
        ), axis
    names = [one.name for one in scaling.contenders(found, 'ranks')]
    assert names[0] == '1 rank' and '4 ranks, fsdp' in names


def test_measures_a_rank(args, monkeypatch):
    monkeypatch.setattr(method_models, 'model_config', lambda *_: MODEL)
    found = args(
        *('--device', 'cpu', '--img-size', '32', '--batch', '2'),
        *('--steps', '1', '--warmup', '0', '--window', '4'),
    )
    (alone, *_) = scaling.contenders(found, 'ranks')
    figures = scaling.measure(
        {**alone.settings, 'model': {**alone.settings['model'], 'changes': {}}}
    )
    assert figures['images_per_second'] == 2 / figures['step']
    pixels = figures['step'] / 2 / 32**2
    assert figures['nanoseconds_per_pixel'] == pytest.approx(1e9 * pixels)
    # Weights and two moments in float32, and a step counter each.
    model = method_models.build({**alone.settings['model'], 'changes': {}})
    trained = [p for p in model.parameters() if p.requires_grad]
    numbers = sum(p.numel() for p in trained)
    assert figures['state_bytes'] == 12 * numbers + 4 * len(trained)


def test_exponent():
    assert scaling.exponent([1, 2, 4], [3, 12, 48]) == pytest.approx(2)
    assert math.isnan(scaling.exponent([1], [3]))


def test_what_is_said_of_an_axis(args):
    found = args('--device', 'cpu', '--batch', '2')
    sizes = dict(zip(found.sizes, (2.0, 4.5, 8.0, 18.0), strict=True))
    contest = Contest(scaling.contenders(found, 'size'), found)
    contest.rounds = [{f'{s} pixels': dict(step=t) for s, t in sizes.items()}]
    line = scaling.fit(found, 'size', contest)
    assert line.startswith('time per image ~ pixels ^ 1.00')
    contest = Contest(scaling.contenders(found, 'ranks'), found)
    steps = {'1 rank': 1.0, '2 ranks, ddp': 1.25, '2 ranks, fsdp': 2.0}
    contest.rounds = [{name: dict(step=t) for name, t in steps.items()}]
    line = scaling.fit(found, 'ranks', contest)
    assert line == 'weak scaling, of 1: 2 ranks, ddp 0.80; 2 ranks, fsdp 0.50'


def test_an_axis_without_figures_is_an_error(args, monkeypatch, capsys):
    args('--device', 'cpu', '--axes', 'size')
    monkeypatch.setattr(Contest, 'run', lambda self: None)
    with pytest.raises(SystemExit, match='nothing was measured'):
        scaling.main()
    assert 'nan' in capsys.readouterr().out
