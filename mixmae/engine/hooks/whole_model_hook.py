"""Refuses to measure a model of which only a part was loaded."""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor

from mixmae.registry import HOOKS


@HOOKS.register_module()
class WholeModelHook(Hook):
    """Checks that a loaded checkpoint fills the whole model.

    MMEngine loads what it finds and warns about the rest, so the accuracy of
    an untrained head is printed like any other figure. The test tool adds
    this hook.
    """

    # Before anything else looks at the checkpoint, but after the EMA's hook,
    # which swaps its weights in.
    priority = 'VERY_LOW'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Raise ``ValueError`` if a tensor of the model is not filled."""
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
            if key not in state or not _fits(key, state[key], value)
        ]
        if unfilled:
            shown = ', '.join(unfilled[:3]) + ', ...' * (len(unfilled) > 3)
            raise ValueError(
                f'the checkpoint has no weights for {len(unfilled)} of '
                f'{len(wanted)} tensors of this {type(model).__name__} '
                f'({shown}): it is of another task or network. Give the file '
                f'that training with this config has written; one of a '
                f'pretraining is where such a training starts '
                f'(model.backbone.init_cfg)'
            )


def _fits(key: str, given: Tensor, wanted: Tensor) -> bool:
    # Tables of other windows are resized as they are loaded.
    resized = key.endswith('position_bias.table')
    axes = slice(1, None) if resized else slice(None)
    return given.shape[axes] == wanted.shape[axes]
