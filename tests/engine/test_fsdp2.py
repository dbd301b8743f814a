"""Training with sharded parameters on two ranks, compared with plain DDP.

One pair of processes runs all trainings one after the other; the tests check
their files.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mixmae.cli.runner_builder import build_runner
from mixmae.distributed.process_group import prepare_process_group
from mixmae.engine.fsdp2 import is_shard, own_part
from mixmae.fileio.atomic_write import damage
from mixmae.registry import HOOKS, MODELS
from tests.engine.forked import start_two_ranks
from tests.engine.numbers_run import assert_equal
from tests.engine.tiny_run import MODEL, tiny_config

pytestmark = pytest.mark.slow
SHARDED = dict(
    runner_type='mixmae.ShardedRunner',
    model_wrapper_cfg=dict(type='FullyShardedModel'),
)
LAST = 'epoch_2.pth'
# Trainings that others resume.
GONE_ON_FROM = {'whole', 'split'}


@HOOKS.register_module(force=True)
class RankBytesHook(Hook):
    """Records the bytes of parameters and optimizer states of each rank."""

    def after_train(self, runner: Runner) -> None:
        optimizer = runner.optim_wrapper.optimizer
        mine = dict(
            parameters=_bytes(runner.model.parameters()),
            states=_bytes(
                value
                for state in optimizer.state.values()
                for value in state.values()
                if value.ndim
            ),
        )
        ranks = all_gather_object(mine)
        path = Path(runner.work_dir) / 'bytes.json'
        if runner.rank == 0:
            path.write_text(json.dumps(ranks))


@HOOKS.register_module(force=True)
class SpoilShardHook(Hook):
    """Sets one value in the gradient shard of rank 1 to NaN."""

    # After FiniteGuardHook, which checks the gradients.
    priority = 'LOW'

    def before_train(self, runner: Runner) -> None:
        wrapper = runner.optim_wrapper
        look = wrapper.before_step

        def spoil() -> None:
            if (runner.rank, runner.iter) == (1, 3):
                parameters = wrapper.optimizer.param_groups[0]['params']
                own_part(parameters[-1].grad).flatten()[-1] = torch.nan
            look()

        wrapper.before_step = spoil


def _bytes(tensors: Any) -> int:
    return sum(own_part(one.detach()).nbytes for one in tensors)


def config(folder: Path, name: str, **changes: Any) -> Config:
    found = tiny_config(folder / name, batch_size=2)
    found['train_dataloader']['dataset']['length'] = 16
    found['val_dataloader'] = found['val_evaluator'] = found['val_cfg'] = None
    found['train_cfg']['max_epochs'] = 2
    found['model']['backbone']['drop_path_rate'] = 0.2
    found['optim_wrapper'].update(clip_grad=dict(max_norm=0.05))
    # Clipped gradients are small, and Adam divides by them.
    found['optim_wrapper']['optimizer'].update(fused=True, eps=1e-4)
    found['optim_wrapper']['constructor'] = 'LayerDecayOptimWrapperConstructor'
    found['optim_wrapper']['paramwise_cfg'] = dict(layer_decay_rate=0.8)
    found.update(launcher='pytorch', log_level='ERROR', experiment_name=name)
    if name not in GONE_ON_FROM:
        # Gathering and counting operations take time.
        found['default_hooks']['checkpoint']['interval'] = 2
        found['default_hooks'].pop('throughput')
    found.update(changes)
    hooks = [*found.get('custom_hooks', []), dict(type='RankBytesHook')]
    found['custom_hooks'] = hooks
    # Formatting takes as long as the training.
    return Config(found, format_python_code=False)


def train_all(folder: Path) -> None:
    """Run all trainings of one rank."""
    probe = dict(type='ProbeHook', k=1, linear=False)
    for name in ('train_dataloader', 'val_dataloader'):
        probe[name] = tiny_config(folder)['val_dataloader']
    checkpointed = copy.deepcopy(MODEL)
    checkpointed['backbone'].update(with_cp=True, drop_path_rate=0.2)
    validation = {
        key: tiny_config(folder)[key]
        for key in ('val_dataloader', 'val_evaluator', 'val_cfg')
    }
    looks = [probe, dict(type='ReconstructionHook', num_images=1)]
    runs = dict(
        whole={},
        split=SHARDED,
        looked_at={**SHARDED, **validation, 'custom_hooks': looks},
        # With other settings of the wrapper as well.
        resumed=dict(
            load_from=str(folder / 'split/epoch_1.pth'),
            runner_type='mixmae.ShardedRunner',
            model=checkpointed,
            model_wrapper_cfg=dict(
                type='FullyShardedModel', reshard_after_forward=False
            ),
        ),
        from_whole=dict(
            load_from=str(folder / 'whole/epoch_1.pth'), **SHARDED
        ),
        to_whole=dict(load_from=str(folder / 'split/epoch_1.pth')),
        spoilt=dict(custom_hooks=[dict(type='SpoilShardHook')], **SHARDED),
        averaged=dict(custom_hooks=[dict(type='EMAHook')], **SHARDED),
    )
    for name, changes in runs.items():
        cfg = config(folder, name, resume='load_from' in changes, **changes)
        prepare_process_group(cfg)
        runner = build_runner(cfg)
        if name == 'averaged':
            with pytest.raises(ValueError, match='EMAHook copies the model'):
                runner.train()
            continue
        runner.train()


@pytest.fixture(scope='module')
def runs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('sharded')
    ranks, logs = start_two_ranks(lambda: train_all(folder), folder)
    for rank in ranks:
        rank.join(240)
        # Time limit of ranks that wait for each other after an error.
        if rank.exitcode is None:
            rank.kill()
            rank.join()
    said = [log.read_text()[-3000:] for log in logs]
    assert [rank.exitcode for rank in ranks] == [0, 0], '\n'.join(said)
    return folder


def written(runs: Path, name: str) -> dict:
    path = runs / name / LAST
    assert damage(path) is None
    return torch.load(path, weights_only=False)


def largest_difference(one: Any, other: Any) -> float:
    """Largest difference between nested tensors with the same names."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        pairs = [(one[key], other[key]) for key in one]
    elif isinstance(one, list):
        pairs = list(zip(one, other, strict=True))
    elif isinstance(one, Tensor):
        return float((one - other).abs().max())
    else:
        assert one == other
        return 0.0
    return max((largest_difference(*pair) for pair in pairs), default=0.0)


@pytest.mark.parametrize('name', ['split', 'from_whole', 'to_whole'])
def test_first_steps_equal_those_of_ddp(runs, name):
    """Four clipped updates of at most 1e-3, with the same parameter groups."""
    expected, found = written(runs, 'whole'), written(runs, name)
    for key, bound in (('state_dict', 1e-7), ('optimizer', 1e-9)):
        assert largest_difference(expected[key], found[key]) <= bound, key
    start = torch.load(runs / 'whole' / 'epoch_1.pth', weights_only=False)
    moved = largest_difference(start['state_dict'], expected['state_dict'])
    assert moved > 1e-4


@pytest.mark.parametrize('name', ['looked_at', 'resumed'])
def test_validation_and_resume_are_bit_equal(runs, name):
    """With validation, probes, and a resume that recomputes the blocks."""
    expected, found = written(runs, 'split'), written(runs, name)
    for key in ('state_dict', 'optimizer', 'param_schedulers'):
        assert_equal(expected[key], found[key], key)


def test_each_rank_stores_its_share(runs):
    whole = json.loads((runs / 'whole' / 'bytes.json').read_text())
    for split in json.loads((runs / 'split' / 'bytes.json').read_text()):
        for key, size in split.items():
            assert 0.4 * whole[0][key] < size <= 0.55 * whole[0][key]
    assert whole[0]['parameters'] * 2 == whole[0]['states']


def test_one_process_loads_checkpoints_of_two(runs):
    state = written(runs, 'split')['state_dict']
    assert not any(is_shard(one) for one in state.values())
    MODELS.build(MODEL).load_state_dict(state)
    pretrained = copy.deepcopy(MODEL['backbone'])
    pretrained['init_cfg'] = dict(
        type='Pretrained',
        checkpoint=str(runs / 'split' / LAST),
        prefix='backbone.',
    )
    backbone = MODELS.build(pretrained)
    backbone.init_weights()
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, state[f'backbone.{key}']), key


def test_one_nan_in_one_shard_skips_the_update_of_both(runs):
    content = written(runs, 'spoilt')
    noted = content['message_hub']['runtime_info']['skipped_updates']
    assert noted == dict(in_a_row=0, total=1)
    assert all(one.isfinite().all() for one in content['state_dict'].values())
    dump = runs / 'spoilt' / 'non_finite' / 'iter_4.json'
    assert json.loads(dump.read_text())['gradients_not_finite'] == 1
