"""Strict load check of checkpoints."""

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mixmae.distributed.process_group import unwrapped
from mixmae.engine.finite_values import some
from mixmae.registry import HOOKS


@HOOKS.register_module()
class StrictLoadHook(Hook):
    """Check that a loaded checkpoint fits the model's network.

    MMEngine loads the tensors that fit and warns about the rest, so that the
    accuracy of an untrained head looks like any other result, and a training
    may start with few of the weights. The tools add this hook.

    Args:
        part: Name of the part that must be filled, such as 'backbone': a
            training may start from the weights of another task with another
            head. Empty for the whole model.
    """

    # After the EMA hook, which swaps its weights in.
    priority = 'VERY_LOW'

    def __init__(self, part: str = '') -> None:
        self.prefix = part and f'{part}.'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Raise ``ValueError`` if a tensor is missing or left over.

        Tensors of another shape outside of the part are removed: MMEngine
        would list each of them.
        """
        model = unwrapped(runner.model)
        # MMEngine removes this prefix of a wrapper, too.
        given = checkpoint.get('state_dict', checkpoint)
        state = {
            key.removeprefix('module.'): one for key, one in given.items()
        }
        wanted = model.state_dict()
        misfits = {
            key: f'{key} of shape {tuple(state[key].shape)} instead of '
            f'{tuple(value.shape)}'
            for key, value in wanted.items()
            if key in state and not _fits(key, state[key], value)
        }
        unfilled = [
            misfits.get(key, key)
            for key in wanted
            if key.startswith(self.prefix)
            and (key not in state or key in misfits)
        ]
        # A test may omit training heads, but not blocks.
        surplus = [
            key
            for key in state
            if key.startswith('backbone.') and key not in wanted
        ]
        problems = []
        if unfilled:
            problems.append(
                f'has no weights for {len(unfilled)} of {len(wanted)} tensors '
                f'({some(unfilled)})'
            )
        if surplus:
            problems.append(
                f'has {len(surplus)} that the backbone lacks ({some(surplus)})'
            )
        if problems:
            raise ValueError(
                f'the checkpoint does not match this {type(model).__name__}: '
                f'it {" and ".join(problems)}. Use a checkpoint written by a '
                'training with this config; a pretraining checkpoint belongs '
                'in model.backbone.init_cfg'
            )
        if misfits:
            runner.logger.warning(
                f'{len(misfits)} of {len(wanted)} tensors are not loaded, as '
                f'the checkpoint has them in other shapes: '
                f'{some([*misfits.values()])}'
            )
            for key in list(given):
                if key.removeprefix('module.') in misfits:
                    del given[key]


def _fits(key: str, given: Tensor, wanted: Tensor) -> bool:
    # Tables of other window sizes are resized when they are loaded.
    resized = key.endswith('position_bias.table')
    axes = slice(1, None) if resized else slice(None)
    return given.shape[axes] == wanted.shape[axes]
