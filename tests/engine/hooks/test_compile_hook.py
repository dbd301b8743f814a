"""Runs with ``torch.compile``."""

import copy
import json
import pickle

import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.runner import Runner
from torch import distributed
from torch._dynamo.testing import CompileCounterWithBackend

from mixmae.engine.fsdp2 import FullyShardedModel
from mixmae.engine.hooks.compile_hook import CompileHook, compile_parts
from mixmae.profiling.flops import training_flops
from tests.engine.tiny_run import tiny_config
from tests.models.parts import random_images, random_mask, tiny_model

# Stage 1, stage 2 and the decoder, for any depth.
GRAPHS = {'blocks': 3, 'loss': 1}


def train(work_dir, **compilation):
    """Return losses and checks of a run, and its model."""
    config = tiny_config(work_dir, counts=1)
    config['model']['backbone']['arch']['depths'] = (3, 2)
    config['model']['neck']['decoder']['depth'] = 2
    config['train_cfg']['max_epochs'] = 2
    config['experiment_name'] = '-'.join(work_dir.parts[-2:])
    runner = Runner.from_cfg(config)
    if compilation:
        runner.register_hook(CompileHook(**compilation))
    runner.train()
    [log] = work_dir.glob('*/vis_data/scalars.json')
    lines = map(json.loads, log.read_text().splitlines())
    return [
        value
        for line in lines
        for name, value in line.items()
        if 'loss' in name
    ], runner.model


@pytest.mark.parametrize('target', GRAPHS)
def test_compiles_once_and_changes_nothing(tmp_path, target):
    """New masks, epochs and validation cause no recompilation."""
    torch.compiler.reset()
    counter = CompileCounterWithBackend('eager')
    compiled, model = train(tmp_path / target, target=target, backend=counter)
    assert counter.frame_count == GRAPHS[target]
    plain, _ = train(tmp_path / 'plain')
    assert len(plain) > 4
    assert compiled == pytest.approx(plain, rel=1e-5)
    # No compiled part remains that could be saved or copied.
    assert not any(
        {'forward', 'loss'} & vars(module).keys() for module in model.modules()
    )


@pytest.fixture
def alone(monkeypatch):
    """A process group of one rank that exchanges small buckets."""
    monkeypatch.setattr(distributed, '_DEFAULT_FIRST_BUCKET_BYTES', 1000)
    distributed.init_process_group(
        'gloo', store=distributed.HashStore(), rank=0, world_size=1
    )
    yield
    distributed.destroy_process_group()


@pytest.mark.parametrize('target', GRAPHS)
def test_a_block_stays_whole_on_several_ranks(alone, target):
    """One graph of all blocks is cut, to exchange gradients early."""
    counts = []
    for wrapped in False, True:
        torch.compiler.reset()
        model = tiny_model().train()
        counter = CompileCounterWithBackend('eager')
        compile_parts(model, target, backend=counter, fullgraph=True)
        call = model
        if wrapped:
            call = MMDistributedDataParallel(model, bucket_cap_mb=0.01)
        losses = call(random_images(), mask=random_mask(), mode='loss')
        losses['loss'].backward()
        counts.append(counter.frame_count)
    once, several = counts
    assert several == once if target == 'blocks' else several > once


@pytest.mark.parametrize('target', GRAPHS)
def test_copies_of_a_compiled_model_are_independent(target):
    """Probes and the FLOP counter copy networks during training."""
    inputs = random_images(), random_mask()
    model, other = tiny_model(), tiny_model(seed=1)
    flops, wanted = training_flops(model), other.loss(*inputs)['loss']
    # Twice, as after a training that ended with an error.
    compile_parts(model, target, backend='eager')
    compile_parts(model, target, backend='eager')
    for copied in copy.deepcopy(model), pickle.loads(pickle.dumps(model)):
        copied.load_state_dict(other.state_dict())
        assert copied.loss(*inputs)['loss'] == wanted
    assert training_flops(model) == flops


def test_unknown_targets_are_refused():
    with pytest.raises(ValueError, match="target must be one of.*'model'"):
        CompileHook('model')


def test_models_without_blocks_are_refused():
    hook = CompileHook()
    runner = type('Runner', (), {'model': torch.nn.Linear(2, 2)})
    with pytest.raises(ValueError, match='Linear has no transformer blocks'):
        hook.before_train(runner)


def test_sharded_models_are_refused():
    """The type of the model is enough for the refusal."""
    model = FullyShardedModel.__new__(FullyShardedModel)
    with pytest.raises(ValueError, match='cannot be combined'):
        CompileHook().before_train(type('Runner', (), {'model': model}))
