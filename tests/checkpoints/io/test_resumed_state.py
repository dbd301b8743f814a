"""State of the message hub after a resume."""

from typing import Any

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from mixmae.checkpoints.io import resumed_state
from mixmae.checkpoints.io.resumed_state import reason_not_to_resume
from tests.engine.numbers_run import (
    assert_equal,
    assert_same_state,
    train_numbers,
    written,
)


@HOOKS.register_module(force=True)
class FigureHook(Hook):
    """Writes a value to the message hub, as probes do."""

    def after_train_epoch(self, runner: Runner) -> None:
        value = float(runner.model.out.weight.detach().sum())
        runner.message_hub.update_scalar('probe/figure', value)


HOOKS_OF_THE_RUN = (
    # The average begins only at the third iteration.
    dict(type='EMAHook', momentum=0.1, begin_iter=3),
    dict(type='CPUScalerHook'),
    dict(type='FigureHook'),
)
SETTINGS: dict[str, Any] = {'model.factor': 8.0}


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    train_numbers(folder, *HOOKS_OF_THE_RUN, **SETTINGS)
    return folder


WARMUP = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=7),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=7, end=12),
]


def test_a_run_resumes_within_its_warm_up(tmp_path, monkeypatch):
    """Schedules of which the second has not begun yet."""
    whole, resumed = tmp_path / 'whole', tmp_path / 'resumed'
    train_numbers(whole, param_scheduler=WARMUP)
    said = []
    monkeypatch.setattr(
        resumed_state, 'print_log', lambda text, *_: said.append(text)
    )
    for done in (2, 6, 8, 12):
        content = written(whole, f'iter_{done}.pth')
        # Faults of the hub are reported when the file is loaded.
        content['message_hub']['runtime_info']['best_score'] = float('nan')
        assert reason_not_to_resume(content) is None and not said
    train_numbers(
        resumed,
        param_scheduler=WARMUP,
        load_from=str(whole / 'iter_4.pth'),
        resume=True,
    )
    assert_same_state(written(resumed), written(whole))


# Within an epoch, before and after the average starts; at its end;
# within the second one.
@pytest.mark.parametrize('done', [2, 4, 6, 8])
def test_average_scaler_schedule_and_log_continue(whole, tmp_path, done):
    start = str(whole / f'iter_{done}.pth')
    # Of another learning rate: the schedule is resumed, not begun again.
    settings = {**SETTINGS, 'optim_wrapper.optimizer.lr': 0.5}
    train_numbers(
        tmp_path, *HOOKS_OF_THE_RUN, load_from=start, resume=True, **settings
    )
    found, wanted = written(tmp_path), written(whole)
    assert_same_state(found, wanted)
    assert 'loss_scaler' in wanted['optimizer']
    # The average differs from the current weights.
    keys = ('state_dict', 'ema_state_dict')
    one, other = (wanted[key] for key in keys)
    assert not torch.equal(one['out.weight'], other['module.out.weight'])
    logs = [state['message_hub']['log_scalars'] for state in (found, wanted)]
    for name in ('train/loss', 'train/lr', 'probe/figure'):
        histories = [log[name]._log_history.tolist() for log in logs]
        assert_equal(*histories, name)
        assert len(histories[0]) in (1, 12)
