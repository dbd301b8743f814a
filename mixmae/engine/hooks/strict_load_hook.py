"""Refuses weights that fill only a part of a model."""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor

from mixmae.registry import HOOKS


@HOOKS.register_module()
class StrictLoadHook(Hook):
    """Checks that a loaded checkpoint is of the model's network.

    MMEngine loads what it finds and warns about the rest, so the accuracy of
    an untrained head is printed like any other figure, and a training starts
    from next to nothing. The tools add this hook.

    Args:
        part: name of the part that must be filled, for instance 'backbone':
            a training may start from the weights of another task, whose head
            is another one. Empty for the whole model.
    """

    # After the EMA's hook, which swaps its weights in.
    priority = 'VERY_LOW'

    def __init__(self, part: str = '') -> None:
        self.prefix = part and f'{part}.'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Raise ``ValueError`` if a tensor is not filled, or left over."""
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        # MMEngine takes this prefix of a wrapper away, too.
        state = {
            key.removeprefix('module.'): value
            for key, value in checkpoint.get('state_dict', checkpoint).items()
        }
        wanted = model.state_dict()
        unfilled = [
            key
            for key, value in wanted.items()
            if key.startswith(self.prefix)
            and (key not in state or not _fits(key, state[key], value))
        ]
        # Heads of a training may be left out of a test; blocks may not.
        surplus = [
            key
            for key in state
            if key.startswith('backbone.') and key not in wanted
        ]
        problems = []
        if unfilled:
            problems.append(
                f'has no weights for {len(unfilled)} of {len(wanted)} tensors '
                f'({_some(unfilled)})'
            )
        if surplus:
            problems.append(
                f'has {len(surplus)} that the backbone does not '
                f'({_some(surplus)})'
            )
        if problems:
            raise ValueError(
                f'the checkpoint is not of this {type(model).__name__}: it '
                f'{" and ".join(problems)}. Give a file that training with '
                f'this config has written; one of a pretraining is where '
                f'such a training starts (model.backbone.init_cfg)'
            )


def _some(keys: list[str]) -> str:
    return ', '.join(keys[:3]) + ', ...' * (len(keys) > 3)


def _fits(key: str, given: Tensor, wanted: Tensor) -> bool:
    # Tables of other windows are resized as they are loaded.
    resized = key.endswith('position_bias.table')
    axes = slice(1, None) if resized else slice(None)
    return given.shape[axes] == wanted.shape[axes]
