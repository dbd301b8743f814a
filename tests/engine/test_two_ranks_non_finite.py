"""NaN on one of two ranks: both skip the update, or both stop."""

import json
from typing import Any

import pytest
import torch
from mmengine.dist import all_gather
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from tests.engine.numbers_run import numbers_config, written
from tests.tools.running import dist_train

pytestmark = pytest.mark.slow


@HOOKS.register_module(force=True)
class SameWeightsHook(Hook):
    """Asserts equal finite weights of all ranks after every iteration."""

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any):
        weights = torch.cat([p.flatten() for p in runner.model.parameters()])
        found = all_gather(weights.detach())
        assert len(found) == 2 and torch.equal(*found)
        assert found[0].isfinite().all()


def test_both_ranks_skip_and_both_stop(tmp_path):
    # Only the loss of rank 1 shows it.
    poison = dict(
        type='PoisonHook', iterations=[2, 6, 8, 10], how='constant', rank=1
    )
    config = numbers_config(
        tmp_path / 'run',
        poison,
        dict(type='SameWeightsHook'),
        **{
            'train_dataloader.batch_size': 2,
            'train_dataloader.sampler.batch_size': 2,
            'default_hooks.finite_guard.max_skips': 2,
            'custom_imports.imports': [
                'tests.engine.hooks.test_finite_guard_hook',
                'tests.engine.test_two_ranks_non_finite',
            ],
        },
    )
    config.dump(tmp_path / 'config.py')
    done = dist_train(tmp_path / 'config.py', 2)
    assert done.returncode != 0
    assert 'exitcode  : 2' in done.stderr, done.stderr[-3000:]
    line = '3 updates in a row, up to iteration 12,'
    assert line in done.stderr, done.stderr[-3000:]
    folder = tmp_path / 'run' / 'non_finite'
    names = ['iter_4.json', *(f'iter_{n}.json' for n in (8, 10, 12))]
    assert sorted(p.name for p in folder.iterdir()) == sorted(names)
    dump = json.loads((folder / 'iter_4.json').read_text())
    steps = [rank['micro_iterations'][0] for rank in dump['ranks']]
    losses = [step['losses']['loss'] for step in steps]
    assert losses[1] == 'nan' and 0 < losses[0] < 100
    images = [set(step['images']) for step in steps]
    assert len(images[0] | images[1]) == 4
    state = written(tmp_path / 'run', 'iter_10.pth')['state_dict']
    assert all(value.isfinite().all() for value in state.values())
