"""Throughput in the log of runs, with a simulated clock."""

import json
import logging
import re
from functools import partial
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

from mixmae.checkpoints.io.mmengine_loaders import load_only_safely
from mixmae.engine.hooks import throughput_hook
from mixmae.profiling import flops as flops_module
from mixmae.profiling.flops import training_flops
from mixmae.profiling.throughput import Throughput
from mixmae.registry import DATASETS, HOOKS, OPTIM_WRAPPERS
from tests.engine.tiny_run import SquaresDataset, tiny_config

RATE = 1e9


class Clock:
    """Clock with a settable time."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


@DATASETS.register_module()
class SlowSquares(SquaresDataset):
    """Data set that takes one second per image."""

    def __getitem__(self, index):
        CLOCK.now += 1.0
        return super().__getitem__(index)


@HOOKS.register_module()
class TimePasses(Hook):
    """Simulated times: 12 s per step, 2 after logging, 1000 at the start.

    Validation and work between epochs take 100 seconds each.
    """

    priority = 'VERY_LOW'

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.begin = CLOCK.now

    def after_train_iter(
        self, runner, batch_idx, data_batch=None, outputs=None
    ):
        # Validation does not advance this clock.
        CLOCK.now = self.begin + 14.0
        if runner.iter == self.first:
            CLOCK.now += 1000.0

    def before_train(self, runner):
        self.first = runner.iter

    def after_train_epoch(self, runner):
        CLOCK.now += 50.0

    def after_val(self, runner):
        CLOCK.now = self.end + 50.0

    def before_val(self, runner):
        self.end = CLOCK.now


@pytest.fixture
def config(tmp_path, request, monkeypatch):
    """Return a config of three epochs of 4 micro-iterations of 4 images."""
    CLOCK.now = 0.0
    monkeypatch.setattr(
        throughput_hook, 'Throughput', partial(Throughput, clock=CLOCK)
    )
    monkeypatch.setattr(throughput_hook, 'measured_rate', lambda *_: RATE)
    found = tiny_config(tmp_path)
    found['custom_imports']['imports'].append(__name__)
    for name in ('train', 'val'):
        found[f'{name}_dataloader']['dataset']['type'] = 'SlowSquares'
    found['custom_hooks'] = [dict(type='TimePasses')]
    found['default_hooks']['throughput'].update(warm_up=1)
    found['experiment_name'] = request.node.name
    found['log_level'] = 'ERROR'
    return found


def train(config):
    """Return the training lines of the JSON log, and the runner."""
    runner = Runner.from_cfg(Config(config))
    runner.train()
    [path] = Path(config['work_dir']).glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row for row in rows if 'loss' in row], runner


def expected_eta(iteration, pauses=0, iterations=12, first=0):
    """Return the remaining seconds in the log of an iteration (from 0)."""
    counted = iteration - first - 1
    seconds = 18 * counted + 100 * pauses
    return seconds / counted * (iterations - iteration - 1)


def test_figures_of_epochs(config):
    """Rates exclude a slow start and the time between epochs."""
    rows, runner = train(config)
    assert len(rows) == 12
    for row in rows[:2]:
        assert not {'eta', 'img_per_s', 'data_wait', 'matmul_mfu'} & set(row)
    flops = training_flops(runner.model, (3, 32, 32))
    for i, row in enumerate(rows[2:], start=2):
        assert row['img_per_s'] == pytest.approx(4 / 18)
        assert row['data_wait'] == pytest.approx(4 / 18)
        assert row['matmul_mfu'] == pytest.approx(4 / 18 * flops / RATE)
        assert row['matmul_tflops'] == RATE / 1e12
        assert row['gflops_per_image'] == flops / 1e9
        assert row['batch_size'] == 4
        assert row['eta'] == pytest.approx(expected_eta(i, pauses=i // 4))
        assert row['memory'] > 50


def test_figures_of_loops_by_iterations(config):
    """Validation runs between two iterations."""
    config['train_dataloader']['sampler'] = dict(
        type='InfiniteSampler', shuffle=False
    )
    config['train_cfg'] = dict(
        type='ResumableIterLoop', max_iters=8, val_interval=4
    )
    config['param_scheduler'] = []
    config['default_hooks']['checkpoint'].update(by_epoch=False, interval=4)
    config['log_processor']['by_epoch'] = False
    rows, _ = train(config)
    assert len(rows) == 8
    for i, row in enumerate(rows[2:], start=2):
        assert row['img_per_s'] == pytest.approx(4 / 18)
        assert row['data_wait'] == pytest.approx(4 / 18)
        # Of the 100 seconds of a pause, validation is 50.
        eta = expected_eta(i, pauses=(i // 4) / 2, iterations=8)
        assert row['eta'] == pytest.approx(eta)


def test_a_last_batch_that_is_smaller(config):
    config['train_dataloader'].update(
        sampler=dict(type='DefaultSampler', shuffle=False), drop_last=False
    )
    config['train_dataloader']['dataset']['length'] = 14
    rows, _ = train(config)
    # 4, 4, 4 and 2 images; the first does not count, the last is not seen.
    assert rows[3]['img_per_s'] == pytest.approx(8 / 36)
    assert rows[4]['img_per_s'] == pytest.approx(10 / (18 + 18 + 16))
    assert rows[4]['data_wait'] == pytest.approx(10 / (18 + 18 + 16))


def test_a_resumed_run_has_an_eta_at_once(config):
    train(config)
    load_only_safely()
    work_dir = Path(config['work_dir'])
    config.update(
        resume=True,
        load_from=str(work_dir / 'epoch_2.pth'),
        work_dir=str(work_dir / 'again'),
        experiment_name=config['experiment_name'] + '-again',
    )
    rows, _ = train(config)
    assert [row['step'] for row in rows] == [9, 10, 11, 12]
    assert 'eta' not in rows[1]
    assert rows[2]['eta'] == pytest.approx(expected_eta(10, first=8))
    assert rows[2]['img_per_s'] == pytest.approx(4 / 18)


def test_lines_of_the_log(config, capfd):
    config['log_level'] = 'INFO'
    config['train_cfg']['max_epochs'] = 1
    train(config)
    captured = capfd.readouterr()
    text = captured.out + captured.err
    lines = [line for line in text.splitlines() if 'Epoch(train)' in line]
    assert 'img_per_s' not in lines[1]
    assert re.search(
        r'eta: 0:00:18  .*  img_per_s: 0\.222  data_wait: 22\.2%  '
        r'matmul_mfu: \d+\.\d%  memory: \d+$',
        lines[2],
    )
    [about] = [line for line in text.splitlines() if 'GFLOPs per' in line]
    assert 'over 1 GFLOP/s of matrix products' in about


def test_images_that_cannot_be_counted(config, monkeypatch):
    """The log says so once and has all other values."""

    def refuse(model, shape):
        raise ValueError('the operations cannot be counted')

    monkeypatch.setattr(flops_module, 'training_flops', refuse)
    said = []
    monkeypatch.setattr(
        logging.Logger, 'info', lambda self, text, *_: said.append(str(text))
    )
    rows, _ = train(config)
    assert not any('matmul_mfu' in row for row in rows)
    assert rows[-1]['img_per_s'] == pytest.approx(4 / 18)
    assert len([text for text in said if 'cannot be counted' in text]) == 1


def test_the_random_state_is_kept(config):
    """Counting FLOPs during a training keeps the random state."""
    config['model']['backbone']['drop_path_rate'] = 0.5
    rows, runner = train(config)
    assert 'matmul_mfu' in rows[-1]
    config['work_dir'] += '/plain'
    config['experiment_name'] += '-plain'
    del config['default_hooks']['throughput']
    plain, other = train(config)
    assert not any('img_per_s' in row for row in plain)
    assert [x['loss'] for x in rows] == [x['loss'] for x in plain]
    state = other.model.state_dict()
    for name, value in runner.model.state_dict().items():
        assert torch.equal(value, state[name])


@OPTIM_WRAPPERS.register_module()
class ChoosesItsType(OptimWrapper):
    """Wrapper without a given dtype, like MMEngine's ``AmpOptimWrapper``."""

    cast_dtype = None


def test_unknown_dtypes_have_no_utilisation(config, capfd):
    """A guessed dtype would give half or twice the true rate."""
    config['optim_wrapper']['type'] = 'ChoosesItsType'
    config['optim_wrapper'].pop('dtype', None)
    config['train_cfg']['max_epochs'] = 1
    config['log_level'] = 'INFO'
    rows, _ = train(config)
    assert not any('matmul_mfu' in row for row in rows)
    assert rows[-1]['img_per_s'] == pytest.approx(4 / 18)
    captured = capfd.readouterr()
    said = 'no matmul_mfu: the dtype of a ChoosesItsType is unknown'
    assert (captured.out + captured.err).count(said) == 1
