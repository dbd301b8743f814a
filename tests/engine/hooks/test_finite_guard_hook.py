import json
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from mixmae.engine.finite_values import NonFiniteError
from mixmae.engine.hooks import FiniteGuardHook
from tests.engine.numbers_run import (
    assert_same_state,
    train_numbers,
    written,
)

NAN, INF = float('nan'), float('inf')


@HOOKS.register_module(force=True)
class PoisonHook(Hook):
    """Sets losses or gradients of some iterations to NaN or infinity.

    Args:
        iterations: when.
        how: 'loss': it becomes NaN; 'constant': NaN is added to it, which no
            gradient sees; 'gradient': infinity in one of them.
        rank: whose.
    """

    def __init__(self, iterations: list, how: str = 'loss', rank: int = 0):
        self.iterations = iterations
        self.how = how
        self.rank = rank

    def before_train(self, runner: Runner) -> None:
        model = getattr(runner.model, 'module', runner.model)
        parse_losses = model.parse_losses

        def now() -> bool:
            return runner.iter in self.iterations and runner.rank == self.rank

        def parse(losses: dict) -> Any:
            total, logged = parse_losses(losses)
            if now() and self.how != 'gradient':
                spoilt = total * NAN if self.how == 'loss' else total + NAN
                return spoilt, {**logged, 'loss': spoilt}
            return total, logged

        model.parse_losses = parse
        if self.how == 'gradient':
            parameter = list(model.parameters())[-1]
            parameter.register_hook(lambda g: g + INF if now() else g)


@HOOKS.register_module(force=True)
class LeaveOutHook(Hook):
    """Skips the update in some iterations: the reference for the guard."""

    def __init__(self, iterations: list) -> None:
        self.iterations = iterations

    def before_train(self, runner: Runner) -> None:
        step = runner.optim_wrapper.step
        self.statistics = list(runner.model.norm.buffers())

        def maybe(**kwargs: Any) -> None:
            if runner.iter not in self.iterations:
                step(**kwargs)

        runner.optim_wrapper.step = maybe

    def before_train_iter(self, runner: Runner, *args: Any, **kwargs: Any):
        if runner.iter % 2 == 0:
            self.kept = [one.clone() for one in self.statistics]

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any):
        if runner.iter in self.iterations:
            for now, kept in zip(self.statistics, self.kept, strict=True):
                now.copy_(kept)


@HOOKS.register_module(force=True)
class SpoilImagesHook(Hook):
    """Overwrites a value in some batches."""

    def __init__(self, values: dict) -> None:
        self.values = values

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        if str(runner.iter) in self.values:
            data_batch['inputs'][0, 0] = float(self.values[str(runner.iter)])


FUSED = {'optim_wrapper.optimizer.fused': True}
CLIPPED = {'optim_wrapper.clip_grad': dict(max_norm=1.0)}


@pytest.fixture(scope='module')
def wanted(tmp_path_factory):
    """Return the states of runs without the update of one iteration."""
    found: dict = {}

    def state(due: int, more: dict) -> dict:
        key = (due, *more)
        if key not in found:
            folder = tmp_path_factory.mktemp('wanted')
            left_out = dict(type='LeaveOutHook', iterations=[due])
            train_numbers(folder, left_out, **more)
            found[key] = written(folder)
        return found[key]

    return state


# The first micro-iteration of an update, and the second; and the very first
# update, before the optimizer has any state.
@pytest.mark.parametrize(
    ('how', 'bad', 'due', 'more'),
    [
        ('loss', 4, 5, {}),
        ('constant', 5, 5, {}),
        ('gradient', 5, 5, {}),
        ('loss', 0, 1, FUSED),
        ('gradient', 4, 5, CLIPPED),
    ],
)
def test_the_update_is_skipped_completely(
    tmp_path, wanted, how, bad, due, more
):
    poison = dict(type='PoisonHook', iterations=[bad], how=how)
    train_numbers(tmp_path, poison, **more)
    found = written(tmp_path)
    assert_same_state(found, wanted(due, more))
    (dump,) = (tmp_path / 'non_finite').iterdir()
    assert dump.name == f'iter_{due + 1}.json'
    assert found['message_hub']['runtime_info']['skipped_updates'] == dict(
        in_a_row=0, total=1
    )


def test_the_skipped_update_is_logged(tmp_path):
    train_numbers(
        tmp_path, dict(type='PoisonHook', iterations=[5], how='gradient')
    )
    text = (tmp_path / 'non_finite' / 'iter_6.json').read_text()
    dump = json.loads(text)
    assert dump['iteration'] == 6 and dump['seed'] == 0
    assert dump['in_a_row'] == dump['total'] == 1
    assert dump['grad_norm'] in ('inf', 'nan')
    assert dump['gradients_not_finite'] == 1
    assert dump['first_of_them'] == ['out.bias']
    (group,) = dump['groups']
    assert group['not_finite'] == 1 and group['gradients'] == 4
    assert 0 < group['largest_finite'] < 100
    assert group['lr'] == pytest.approx(0.1 * 6 / 11)
    (rank,) = dump['ranks']
    steps = rank['micro_iterations']
    assert [step['iteration'] for step in steps] == [5, 6]
    images = [step['images'] for step in steps]
    assert len({*images[0], *images[1]}) == 8
    assert all(name.endswith('.jpg') for name in images[0])
    assert all(0 < step['losses']['loss'] < 10 for step in steps)


def test_too_many_in_a_row_stop_the_run(tmp_path):
    poison = dict(type='PoisonHook', iterations=[0, 2, 6, 8, 10])
    guard = {'default_hooks.finite_guard.max_skips': 2}
    with pytest.raises(NonFiniteError) as caught:
        train_numbers(tmp_path, poison, **guard)
    line = str(caught.value)
    assert line.startswith('3 updates in a row, up to iteration 12, had')
    assert 'max_skips=2' in line and str(tmp_path / 'non_finite') in line
    dumps = (tmp_path / 'non_finite').iterdir()
    assert len(list(dumps)) == 5
    # The update that stopped the run has no report.
    assert not (tmp_path / 'iter_12.pth').exists()
    state = written(tmp_path, 'iter_10.pth')
    assert all(v.isfinite().all() for v in state['state_dict'].values())

    # A resumed run keeps the count of consecutive skips.
    resume = dict(load_from=str(tmp_path / 'iter_10.pth'), resume=True)
    with pytest.raises(NonFiniteError, match='3 updates in a row'):
        train_numbers(tmp_path / 'again', poison, **guard, **resume)


def test_late_results_give_the_same_run(tmp_path, wanted, monkeypatch):
    """As on a GPU, where a result is read one update later."""
    monkeypatch.setattr(FiniteGuardHook, '_deferred_updates', lambda *_: 1)
    poison = dict(type='PoisonHook', iterations=[5])
    train_numbers(tmp_path, poison, **FUSED)
    assert_same_state(written(tmp_path), wanted(5, FUSED))
    # The counts in a checkpoint are up to date nevertheless.
    state = written(tmp_path, 'iter_6.pth')['message_hub']['runtime_info']
    assert state['skipped_updates'] == dict(in_a_row=1, total=1)
    assert (tmp_path / 'non_finite' / 'iter_6.json').is_file()


@pytest.mark.parametrize('done', [4, 6])
def test_a_resume_before_or_after_the_skip_changes_nothing(tmp_path, done):
    poison = dict(type='PoisonHook', iterations=[5])
    train_numbers(tmp_path / 'whole', poison)
    start = tmp_path / 'whole' / f'iter_{done}.pth'
    train_numbers(tmp_path / 'run', poison, load_from=str(start), resume=True)
    assert_same_state(written(tmp_path / 'run'), written(tmp_path / 'whole'))


@pytest.mark.parametrize('fused', [None, True])
def test_a_scaler_may_still_search_its_scale(tmp_path, fused):
    train_numbers(
        tmp_path,
        dict(type='CPUScalerHook'),
        **{
            'default_hooks.finite_guard.max_skips': 0,
            'optim_wrapper.optimizer.fused': fused,
            # Overflows at first.
            'model.factor': 8.0,
        },
    )
    assert not (tmp_path / 'non_finite').exists()
    found = written(tmp_path)
    # Some updates were skipped, and some were not.
    steps = [int(s['step']) for s in found['optimizer']['state'].values()]
    assert 0 < min(steps) == max(steps) < 6
    assert 2.0**110 < found['optimizer']['loss_scaler']['scale'] < 2.0**127


def test_a_non_finite_loss_does_not_change_the_scale(tmp_path):
    poison = dict(type='PoisonHook', iterations=[8], how='constant')
    guard = {'default_hooks.finite_guard.max_skips': 0}
    with pytest.raises(NonFiniteError, match='1 updates in a row'):
        train_numbers(tmp_path, dict(type='CPUScalerHook'), poison, **guard)


@pytest.mark.parametrize('fused', [None, True])
def test_running_statistics_stay_as_they_are(tmp_path, fused):
    spoil = dict(type='SpoilImagesHook', values={'2': 'nan', '7': 'inf'})
    more = {'optim_wrapper.optimizer.fused': fused}
    train_numbers(tmp_path, spoil, **more)
    state = written(tmp_path)['state_dict']
    assert all(value.isfinite().all() for value in state.values())
    # Two of six updates are skipped.
    assert int(state['norm.num_batches_tracked']) == 8
    names = sorted(p.name for p in (tmp_path / 'non_finite').iterdir())
    assert names == ['iter_4.json', 'iter_8.json']


def test_gradients_are_guarded_in_other_wrappers(tmp_path):
    wrapper = dict(
        type='OptimWrapper',
        accumulative_counts=2,
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9),
    )
    other = dict(optim_wrapper=wrapper)
    more = dict(optim_wrapper=dict(wrapper, clip_grad=dict(max_norm=1.0)))
    bad = dict(type='PoisonHook', iterations=[5])
    train_numbers(tmp_path / 'run', bad, **more)
    left_out = dict(type='LeaveOutHook', iterations=[5])
    train_numbers(tmp_path / 'wanted', left_out, **more)
    assert_same_state(written(tmp_path / 'run'), written(tmp_path / 'wanted'))
    # They do not check the loss itself.
    bad = dict(type='PoisonHook', iterations=[5], how='constant')
    train_numbers(tmp_path / 'constant', bad, **other)
    assert not (tmp_path / 'constant' / 'non_finite').exists()


def test_bad_settings_are_reported():
    with pytest.raises(ValueError, match='max_skips .* got -1'):
        HOOKS.build(dict(type='mixmae.FiniteGuardHook', max_skips=-1))


def test_several_optimizers_are_refused(tmp_path):
    hook = HOOKS.build(dict(type='mixmae.FiniteGuardHook'))

    class Two:
        optim_wrapper = dict(one=OptimWrapper, two=OptimWrapper)

    with pytest.raises(ValueError, match='one optimizer.*is a dict'):
        hook.before_train(Two)


@HOOKS.register_module(force=True)
class SpoilWeightsHook(Hook):
    """Sets a weight to NaN before the guard runs, like a bad checkpoint."""

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        with torch.no_grad():
            next(iter(runner.model.parameters())).fill_(NAN)


def test_weights_that_are_not_finite_at_the_start(tmp_path):
    with pytest.raises(NonFiniteError, match='initial weights of the'):
        train_numbers(tmp_path, dict(type='SpoilWeightsHook'))
    assert not list(tmp_path.glob('*.pth'))
