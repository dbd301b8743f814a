"""Contenders of a training step: the same network, the same figures."""

import sys

import pytest
import torch

from benchmarks import memory, method_models, step, step_contenders
from benchmarks.contender import Contender, ContenderError, function_of
from benchmarks.training_step import TrainingStep
from mixmae.engine.command_line import run_tool
from mixmae.models.layers.transformer_block import RECOMPUTED

QUICK = ['--steps', '1', '--threads', '1', '--batch', '2', '--img-size', '64']


@pytest.fixture(autouse=True)
def same_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def rates(monkeypatch):
    """Of a machine that needs not be measured."""
    monkeypatch.setattr(step, 'matmul_rate', lambda *_: 1e11)
    monkeypatch.setattr(step, 'memory_rate', lambda *_: 1e10)


@pytest.fixture
def tiny(monkeypatch):
    """A network of a few thousand parameters by the name of 'mini'."""
    arch = {
        'embed_dims': 8,
        'depths': (1, 1, 1, 1),
        'num_heads': (1, 2, 2, 4),
    }
    monkeypatch.setitem(method_models.ARCHS, 'mini', arch)


def arguments(monkeypatch, tool, *given):
    monkeypatch.setattr(sys, 'argv', ['step', *QUICK, *given])
    return tool.parse_args()


def test_measures_ours(monkeypatch, tiny):
    args = arguments(monkeypatch, step, '--warmup', '0', '--compiled')
    found = {one.name: one for one in step_contenders.contenders(args)}
    assert list(found) == [
        'mmpretrain',
        'plain',
        'fast',
        'compiled',
        'blocks',
    ]
    rows = {
        name: step.measure(dict(found[name].settings))
        for name in ('plain', 'fast')
    }
    for row in rows.values():
        assert row['loss'] > 0
        speed = row['images_per_second']
        assert speed == row['batch'] / row['step_seconds']
        assert row['mfu'] == speed * row['flops_per_image'] / 1e11
        # Each operation by itself moves more than what must be moved.
        assert row['moved_bytes'] > row['least_bytes'] > 0
        assert row['floor_seconds'] == max(
            row['flops_per_step'] / 1e11, row['least_bytes'] / 1e10
        )
        # What is executed is what the plain network needs, or less.
        done = row['executed_flops'] / row['batch']
        assert 0.3 < done / row['flops_per_image'] < 1.4
    assert rows['plain']['parameters'] == rows['fast']['parameters']


@pytest.mark.parametrize('method', ['um-mae', 'simmim'])
def test_methods_that_mmpretrain_lacks(monkeypatch, tiny, method):
    args = arguments(monkeypatch, step, '--method', method, '--no-roofline')
    one, *others = step_contenders.contenders(args)
    assert one.name == 'fast' and not others
    row = step.measure({**one.settings, 'img_size': 64, 'warmup': 0})
    assert row['loss'] > 0 and 'moved_bytes' not in row


def test_the_network_of_the_paper(monkeypatch):
    counted = []
    monkeypatch.setattr(
        step_contenders,
        'flops_per_image',
        lambda *model: counted.append(model) or 1.0,
    )
    args = arguments(monkeypatch, step, '--arch', 'base', '--img-size', '224')
    step_contenders.contenders(args)
    assert counted == [('mixmae', 'swin-b', 224)]
    config = method_models.model_config(*counted[0])
    assert config['backbone']['window_sizes'] == [14, 14, 14, 7]
    with torch.device('meta'):
        model = method_models.MODELS.build(config)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trained == 114_239_288


def test_memory_of_ours(monkeypatch, tiny):
    args = arguments(monkeypatch, memory)
    found = {one.name: one for one in memory.memory_contenders(args)}
    assert list(found) == [
        'mmpretrain',
        'plain',
        'fast',
        'kept',
        'mlp',
        'checkpointed',
        'mmpretrain-cp',
    ]
    assert {'pointwise', *memory.RECOMPUTED.values()} == {*RECOMPUTED}
    rows = {
        name: memory.measure(dict(found[name].settings))
        for name in ('fast', 'checkpointed')
    }
    fast, again = rows['fast'], rows['checkpointed']
    for name in ('float32', 'bfloat16'):
        assert again[f'further_{name}'] < 0.7 * fast[f'further_{name}']
        assert fast[f'further_{name}'] < fast[f'saved_{name}']
    assert fast['further_bfloat16'] < 0.8 * fast['further_float32']
    assert fast['peak_bytes'] > 1e8
    keys = {column.key for column in memory.columns(args)}
    assert keys <= set(fast)


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')
def test_mmpretrain_is_the_same_network(monkeypatch, tiny):
    """Equal parameters and, but for the masks drawn, an equal loss."""
    pytest.importorskip('mmpretrain')
    args = arguments(monkeypatch, step)
    found = {one.name: one for one in step_contenders.contenders(args)}
    theirs, ours = (
        TrainingStep(found[name].settings) for name in ('mmpretrain', 'fast')
    )
    assert theirs.parameters() == ours.parameters()
    losses = [float(one.step()) for one in (theirs, ours)]
    # Targets have unit variance, and untrained predictions are small.
    assert losses == pytest.approx([1.0, 1.0], abs=0.5)


def test_what_is_built_is_named_rightly(root):
    assert function_of(step_contenders.OURS) is method_models.build
    module, _, name = step_contenders.THEIRS.partition(':')
    path = root / f'{module.replace(".", "/")}.py'
    assert f'def {name}(' in path.read_text()


def test_the_best_batch_is_the_fastest_that_fits(monkeypatch, tiny):
    class Trainer:
        """Images up to 100, fastest at 64."""

        def __init__(self, settings):
            assert settings['batch'] == 1

        def random_images(self, batch):
            return range(batch)

        def seconds(self, steps):
            batch = len(self.images)
            if batch > 100:
                raise torch.cuda.OutOfMemoryError
            return [
                batch / {8: 2, 16: 5, 32: 10, 64: 30, 96: 20}[batch]
            ] * steps

    monkeypatch.setattr(step_contenders, 'TrainingStep', Trainer)
    settings = {'batches': step_contenders.BATCHES}
    found = step_contenders.best_batch(settings)
    assert found['batch'] == 64
    assert found['tried'] == {8: 2, 16: 5, 32: 10, 64: 30, 96: 20}
    with pytest.raises(torch.cuda.OutOfMemoryError):
        step_contenders.best_batch({'batches': (128, 192)})


def test_steps_are_compared_at_equal_batches_alone(monkeypatch):
    args = arguments(monkeypatch, step)
    compared = {c.key for c in step.columns(args) if c.ratio}
    assert compared == {'images_per_second', 'step_seconds', 'peak_bytes'}
    args.batch = 'best'
    compared = {c.key for c in step.columns(args) if c.ratio}
    assert compared == {'images_per_second'}


def test_each_contender_takes_its_own_best_batch(monkeypatch, capsys):
    contenders = [
        Contender('mmpretrain', 'a:b', {'batch': 'best'}),
        Contender('fast', 'a:b', {'batch': 'best'}),
        Contender('compiled', 'a:b', {'batch': 'best', 'compile': 'loss'}),
    ]
    asked = []

    def measure(self, seconds):
        asked.append((self.name, self.entry, seconds))
        if self.name == 'mmpretrain':
            raise ContenderError('no such luck')
        return {'batch': 256, 'tried': {'128': 10.0, '256': 20.0}}

    monkeypatch.setattr(Contender, 'measure', measure)
    errors: dict[str, str] = {}
    found = step_contenders.with_best_batch(contenders, errors, lambda: 9.0)
    entry = 'benchmarks.step_contenders:best_batch'
    assert asked == [('mmpretrain', entry, 9.0), ('fast', entry, 9.0)]
    assert function_of(entry) is step_contenders.best_batch
    assert [one.settings['batch'] for one in found[1:]] == [256, 256]
    assert all(one.entry == 'a:b' for one in found)
    assert errors == {'mmpretrain': 'no best batch: no such luck'}
    assert 'fast: img/s by batch 128: 10, 256: 20' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--img-size', '100'], '--img-size 100 is no multiple of 32'),
        (
            ['--method', 'um-mae', '--img-size', '224'],
            '--img-size 224 is no multiple of 64',
        ),
        (['--batch', 'best'], '--batch best looks for the limit of a GPU'),
        (['--batch', 'worst'], 'argument --batch'),
        (['--threads', '0'], '--threads must be at least 1'),
    ],
)
def test_bad_arguments_are_one_line(monkeypatch, capsys, options, message):
    monkeypatch.setattr(sys, 'argv', ['step', *QUICK, *options])
    with pytest.raises(SystemExit) as exit_:
        run_tool(step.main)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
