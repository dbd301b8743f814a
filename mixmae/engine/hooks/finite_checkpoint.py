"""Check that a checkpoint would hold finite numbers only."""

from __future__ import annotations

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import EMAHook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor

from mixmae.engine.finite_values import (
    NonFiniteError,
    names_of_non_finite,
    some,
    trained_tensors,
)
from mixmae.engine.fsdp.local_parameters import is_shard, own_part
from mixmae.engine.hooks.finite_guard_hook import FiniteGuardHook


def check_finite(runner: Runner, name: str) -> None:
    """Stop all ranks before a checkpoint that is not finite is written.

    Raises:
        NonFiniteError: A tensor is not finite.
    """
    for hook in runner.hooks:
        if isinstance(hook, FiniteGuardHook):
            hook.finish(runner)
    found = _written(runner)
    if not is_main_process():
        # The checkpoint has the tensors of the main rank, and running
        # statistics may differ. Other ranks check only their parts of split
        # tensors.
        found = {key: one for key, one in found.items() if is_shard(one)}
    mine = names_of_non_finite({k: own_part(v) for k, v in found.items()})
    shares = all_gather_object(mine)
    bad = list(dict.fromkeys(key for share in shares for key in share))
    if bad:
        raise NonFiniteError(
            f'{name} was not written, because {len(bad)} tensors are not '
            f'finite: {some(bad)}. Earlier checkpoints are unchanged; reduce '
            'the learning rate and continue with --resume'
        )


def _written(runner: Runner) -> dict[str, Tensor]:
    """Return names and tensors of the training that a checkpoint holds."""
    model = runner.model
    if is_model_wrapper(model):
        model = model.module
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
