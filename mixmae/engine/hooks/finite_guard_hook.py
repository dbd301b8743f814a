"""Hook that skips and logs updates that are not finite."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import EMAHook, Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor, nn

from mixmae.distributed.process_group import unwrapped
from mixmae.engine.finite_values import (
    NonFiniteError,
    StepGuard,
    names_of_non_finite,
    running_statistics,
    some,
    trained_tensors,
)
from mixmae.engine.fsdp2 import is_shard, own_part
from mixmae.engine.hooks.skipped_update import (
    FiniteCheck,
    MicroStep,
    SkippedUpdate,
    all_finite,
    skipped_on_rank,
)
from mixmae.engine.optimizers.autocast_optim_wrapper import (
    AutocastOptimWrapper,
)
from mixmae.registry import HOOKS

COUNTS = 'skipped_updates'


@HOOKS.register_module()
class FiniteGuardHook(Hook):
    """Never update weights with NaN or infinity.

    An update with a gradient that is not finite, on any rank and in any
    accumulated micro-iteration, is skipped completely on all ranks: weights,
    optimizer and running statistics stay as they were. The skipped update is
    logged, and losses, image files and gradients are written to
    ``work_dir/non_finite/iter_N.json``. After ``max_skips`` such updates in a
    row the next one stops the training.

    With ``AutocastOptimWrapper`` a loss that is not finite counts as well, and
    gradients are checked before they are clipped. With any other wrapper of
    MMEngine a loss counts if its gradients are not finite.

    A dynamic loss scale is found by overflows: they do not count as long as
    the scale is 1 or more and the losses are finite.

    On a GPU with a fused Adam or AdamW there is no device sync: the result for
    an update is read one update later.

    Args:
        max_skips: Maximum number of skipped updates in a row.

    Raises:
        ValueError: ``max_skips`` is negative; or, before the training, there
            is not exactly one optimizer.
    """

    # Before MMEngine's EMA reads the running statistics.
    priority = 'HIGH'

    def __init__(self, max_skips: int = 5) -> None:
        if max_skips < 0:
            raise ValueError(
                f'max_skips of FiniteGuardHook must be 0 or more updates, '
                f'got {max_skips}'
            )
        self.max_skips = max_skips

    def before_train(self, runner: Runner) -> None:
        """Start to check every step of the optimizer."""
        wrapper = runner.optim_wrapper
        if not isinstance(wrapper, OptimWrapper):
            raise ValueError(
                'FiniteGuardHook supports one optimizer, but optim_wrapper is '
                f'a {type(wrapper).__name__}; remove the hook from the config'
            )
        self._guard = StepGuard(wrapper.optimizer)
        if isinstance(wrapper, AutocastOptimWrapper):
            wrapper.before_step = self._guard.check
        self._model = unwrapped(runner.model)
        _check_start(self._model)
        self._micro_steps: list[MicroStep] = []
        self._statistics = [one for _, one in running_statistics(self._model)]
        self._kept: list[Tensor] = []
        self._pending: deque[SkippedUpdate] = deque()
        noted = runner.message_hub.runtime_info.get(COUNTS, {})
        self._in_a_row = noted.get('in_a_row', 0)
        self._total = noted.get('total', 0)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Copy the running statistics when an update begins."""
        if not self._micro_steps:
            self._kept = [one.clone() for one in self._statistics]

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Evaluate the update of this iteration or the previous one."""
        self._micro_steps.append(
            MicroStep.of(runner.iter, data_batch, outputs)
        )
        if not runner.optim_wrapper.should_update():
            return
        micro_steps, self._micro_steps = self._micro_steps, []
        checked = self._guard.take()
        if checked is None and not _scaler(runner):
            return  # A model that makes no update in this iteration.
        finite = torch.tensor(False) if checked is None else checked.finite
        self._restore(finite)
        update = SkippedUpdate(micro_steps, FiniteCheck(finite), checked)
        self._pending.append(update)
        self._process_pending(runner, leave=self._deferred_updates(finite))

    def after_train_epoch(self, runner: Runner) -> None:
        """Evaluate the pending updates."""
        self.finish(runner)

    def after_train(self, runner: Runner) -> None:
        """Evaluate the pending updates and stop checking."""
        self.finish(runner)
        self._guard.remove()
        if isinstance(runner.optim_wrapper, AutocastOptimWrapper):
            runner.optim_wrapper.before_step = None

    def finish(self, runner: Runner) -> None:
        """Evaluate all updates so far; all ranks call it at the same time."""
        self._process_pending(runner, leave=0)

    def _deferred_updates(self, finite: Tensor) -> int:
        # A result that is still on the GPU is not waited for. The number is
        # the same on all ranks, so that all stop at the same iteration.
        return int(finite.is_cuda and self._guard.on_device)

    def _restore(self, finite: Tensor) -> None:
        # If the result is on the host, there is usually nothing to restore.
        if not self._guard.on_device and bool(finite):
            return
        with torch.no_grad():
            for now, kept in zip(self._statistics, self._kept, strict=True):
                now.copy_(torch.where(finite.to(now.device), now, kept))

    def _process_pending(self, runner: Runner, leave: int) -> None:
        while len(self._pending) > leave:
            update = self._pending.popleft()
            if not update.finite.result():
                self._report(runner, update)
            elif self._in_a_row:
                self._in_a_row = 0
                self._save_counts(runner)

    def _report(self, runner: Runner, update: SkippedUpdate) -> None:
        ranks = all_gather_object(skipped_on_rank(runner.rank, update))
        last = update.micro_steps[-1].iteration
        scale = _scale(runner)
        if scale is not None and scale >= 1 and all_finite(ranks):
            runner.logger.info(
                f'gradients overflow at iteration {last}: update skipped, '
                f'the loss scale is now {scale:g}'
            )
            return
        self._in_a_row += 1
        self._total += 1
        self._save_counts(runner)
        path = Path(runner.work_dir) / 'non_finite' / f'iter_{last}.json'
        if is_main_process():
            counts = dict(in_a_row=self._in_a_row, total=self._total)
            settings = dict(seed=runner.seed, loss_scale=scale, **counts)
            optimizer = runner.optim_wrapper.optimizer
            update.write(path, self._model, optimizer, settings, ranks)
        if self._in_a_row > self.max_skips:
            raise NonFiniteError(
                f'{self._in_a_row} updates in a row, up to iteration {last}, '
                'had losses or gradients that are not finite, but '
                f'FiniteGuardHook allows max_skips={self.max_skips}. The '
                'weights are unchanged; image files, losses and gradients are '
                f'in {path.parent}. Check these images, or reduce the '
                'learning rate, and continue with --resume'
            )
        runner.logger.warning(
            f'loss or gradients are not finite at iteration {last}: update '
            f'skipped, {self._in_a_row} in a row of at most '
            f'{self.max_skips}; see {path}'
        )

    def _save_counts(self, runner: Runner) -> None:
        # Saved in checkpoints.
        counts = dict(in_a_row=self._in_a_row, total=self._total)
        runner.message_hub.update_info(COUNTS, counts)


def _scaler(runner: Runner) -> Any:
    """Return the enabled gradient scaler, if there is one."""
    scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
    return scaler if scaler is not None and scaler.is_enabled() else None


def _scale(runner: Runner) -> float | None:
    """Return the dynamic loss scale; None if constant or not used."""
    wrapper = runner.optim_wrapper
    constant = ('_constant_scale', '_scale_update_param')
    if any(getattr(wrapper, name, None) is not None for name in constant):
        return None
    scaler = _scaler(runner)
    return None if scaler is None else scaler.get_scale()


def _check_start(model: nn.Module) -> None:
    found = trained_tensors(model)
    bad = _non_finite_on_any_rank(found)
    if bad:
        raise NonFiniteError(
            f'the initial weights of the training are not finite: {len(bad)} '
            f'of {len(found)} tensors ({some(bad)}); use another checkpoint '
            '(load_from, init_cfg or --resume)'
        )


def _non_finite_on_any_rank(named: dict[str, Tensor]) -> list[str]:
    """Names of tensors with NaN or infinity; each rank checks its parts."""
    mine = names_of_non_finite({k: own_part(v) for k, v in named.items()})
    shares = all_gather_object(mine)
    return list(dict.fromkeys(name for share in shares for name in share))


def check_finite(runner: Runner, name: str) -> None:
    """Stop all ranks before a checkpoint that is not finite is written."""
    for hook in runner.hooks:
        if isinstance(hook, FiniteGuardHook):
            hook.finish(runner)
    found = _written(runner)
    if not is_main_process():
        # The checkpoint has the tensors of the main rank, and running
        # statistics may differ. Other ranks check only their parts of split
        # tensors.
        found = {key: one for key, one in found.items() if is_shard(one)}
    bad = _non_finite_on_any_rank(found)
    if bad:
        raise NonFiniteError(
            f'{name} was not written, because {len(bad)} tensors are not '
            f'finite: {some(bad)}. Earlier checkpoints are unchanged; reduce '
            'the learning rate and continue with --resume'
        )


def _written(runner: Runner) -> dict[str, Tensor]:
    """Return names and tensors of the training that a checkpoint holds."""
    model = unwrapped(runner.model)
    found = trained_tensors(model)
    names = {id(one): name for name, one in model.named_parameters()}
    wrapper = runner.optim_wrapper
    if isinstance(wrapper, OptimWrapper):
        for one, state in wrapper.optimizer.state.items():
            for key, value in state.items():
                if isinstance(value, Tensor):
                    found[f'{key} of {names.get(id(one))}'] = value
    for hook in runner.hooks:
        if isinstance(hook, EMAHook):
            average = trained_tensors(hook.ema_model.module)
            found.update((f'average of {k}', v) for k, v in average.items())
    return found
