"""Loading a pretrained backbone: everything, or a clear refusal."""

from __future__ import annotations

from collections.abc import Mapping

from mmengine.logging import print_log
from torch import Tensor, nn

from mixmae.checkpoints.official_mixmim import (
    from_official_mixmim,
    is_official_mixmim,
)
from mixmae.checkpoints.safe_load import safe_load

# A pretraining or downstream checkpoint holds these beside its backbone.
_OTHER_PARTS = ('neck.', 'head.', 'data_preprocessor.')


def load_pretrained(backbone: nn.Module, init_cfg: Mapping) -> None:
    """Loads the checkpoint that an ``init_cfg`` names into a backbone.

    Takes the file of a pretraining run, of a downstream model with our
    backbone, of the official MixMIM, or a backbone's own state dict. Bias
    tables of other windows are resized as they are loaded; norms of outputs
    that are not asked for are left out.

    Args:
        backbone: one of mixmae's backbones.
        init_cfg: ``dict(type='Pretrained', checkpoint=path or URL)``.

    Raises:
        ValueError: another kind of ``init_cfg``, an unreadable file, or keys
            that do not match: only norms of extra outputs may be new.
    """
    if init_cfg.get('type') != 'Pretrained' or 'checkpoint' not in init_cfg:
        raise ValueError(
            f"init_cfg of a backbone must be dict(type='Pretrained', "
            f'checkpoint=...), got {dict(init_cfg)}'
        )
    path = init_cfg['checkpoint']
    state = backbone_state(safe_load(path))
    wanted = backbone.state_dict()
    # The pretrained final norm is of no use where other stages are asked for.
    unused = [k for k in state if k.startswith('norm') and k not in wanted]
    for key in unused:
        del state[key]
    last = getattr(backbone, 'num_stages', 0) - 1
    missing = [
        key
        for key in wanted
        if key not in state
        and (not key.startswith('norm') or key.startswith(f'norm{last}.'))
    ]
    unexpected = [key for key in state if key not in wanted]
    misshapen = [
        f'{key} {tuple(state[key].shape)} for {tuple(wanted[key].shape)}'
        for key in state
        if key in wanted
        and not key.endswith('position_bias.table')
        and state[key].shape != wanted[key].shape
    ]
    if missing or unexpected or misshapen:
        raise ValueError(
            f'{path} does not fit this {type(backbone).__name__}: '
            f'{len(missing)} keys missing ({_some(missing)}), '
            f'{len(unexpected)} unexpected ({_some(unexpected)}), '
            f'{len(misshapen)} of another shape ({_some(misshapen)})'
        )
    backbone.load_state_dict(state, strict=False)
    dropped = f', {_some(unused)} not used' if unused else ''
    print_log(
        f'loaded {len(state)} backbone tensors from {path}{dropped}', 'current'
    )


def backbone_state(checkpoint: Mapping) -> dict[str, Tensor]:
    """The backbone's part of a checkpoint, in the backbone's own names."""
    state = checkpoint.get('state_dict', checkpoint.get('model', checkpoint))
    if is_official_mixmim(state):
        state, report = from_official_mixmim(state)
        if report.unexpected:
            raise ValueError(
                f'an official MixMIM checkpoint with '
                f'{len(report.unexpected)} unknown keys '
                f'({_some(report.unexpected)})'
            )
    inner = {
        key.removeprefix('backbone.'): value
        for key, value in state.items()
        if key.startswith('backbone.')
    }
    return inner or {
        key: value
        for key, value in state.items()
        if not key.startswith(_OTHER_PARTS)
    }


def _some(keys: list[str], most: int = 5) -> str:
    shown = ', '.join(keys[:most]) or 'none'
    return shown + (', ...' if len(keys) > most else '')
