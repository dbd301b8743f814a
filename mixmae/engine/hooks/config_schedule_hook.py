"""Hook that lets a resumed run follow the optimizer settings of its config."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable
from typing import Any

from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, Runner

from mixmae.engine.optimizers.autocast_optim_wrapper import IMPLEMENTATIONS

# Keys of parameter groups that are not hyperparameters.
NOT_SETTINGS = {'params', *IMPLEMENTATIONS}


class ConfigScheduleHook(Hook):
    """Replace restored hyperparameters by those of the config.

    MMEngine restores learning rate, weight decay, betas and the state of the
    schedule from the checkpoint and ignores the config. This hook keeps the
    values of the config and steps its schedule up to the resumed iteration, so
    that the learning rate is the one that a run with this config would have
    there. The tools register it for ``--resume-with config``. It takes about
    10 s per million iterations and schedule.
    """

    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        """Save the settings that were built from the config.

        Raises:
            ValueError: There are several optimizers, or the schedule depends
                on validations.
        """
        wrapper = runner.optim_wrapper
        schedulers = runner.param_schedulers or []
        if not isinstance(wrapper, OptimWrapper) or isinstance(
            schedulers, dict
        ):
            raise ValueError(
                '--resume-with config does not support several optimizers; '
                'use the settings of the checkpoint (--resume-with checkpoint)'
            )
        for one in schedulers:
            if getattr(one, 'need_val_args', False):
                raise ValueError(
                    f'--resume-with config: a {type(one).__name__} depends on '
                    'earlier validations; use that of the checkpoint '
                    '(--resume-with checkpoint)'
                )
        self._groups = [
            {
                key: copy.deepcopy(value)
                for key, value in group.items()
                if key not in NOT_SETTINGS
            }
            for group in wrapper.param_groups
        ]
        self._states = [copy.deepcopy(one.state_dict()) for one in schedulers]

    def before_train(self, runner: Runner) -> None:
        """Replace what was restored; step the schedule."""
        groups = runner.optim_wrapper.param_groups
        for group, settings in zip(groups, self._groups, strict=True):
            group.update(copy.deepcopy(settings))
        schedulers = runner.param_schedulers or []
        for one, state in zip(schedulers, self._states, strict=True):
            one.load_state_dict(copy.deepcopy(state))
        with warnings.catch_warnings():
            # PyTorch warns since the optimizer has not stepped in this
            # process.
            warnings.simplefilter('ignore')
            _step(schedulers, runner)
        rates = sorted({f'{group["lr"]:g}' for group in groups})
        runner.logger.info(
            f'--resume-with config: learning rates at iteration '
            f'{runner.iter}: {", ".join(rates)}'
        )


def _step(schedulers: Iterable[Any], runner: Runner) -> None:
    """Step as ``ParamSchedulerHook`` did up to the resumed iteration."""
    loop = runner.train_loop
    length = 0
    if isinstance(loop, EpochBasedTrainLoop):
        length = len(loop.dataloader)
    by_iter = [one for one in schedulers if not one.by_epoch]
    by_epoch = [one for one in schedulers if one.by_epoch]
    for done in range(1, runner.iter + 1):
        for one in by_iter:
            one.step()
        if length and done % length == 0 and done // length <= runner.epoch:
            for one in by_epoch:
                one.step()
