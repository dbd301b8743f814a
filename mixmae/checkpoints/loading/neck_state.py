"""Strict loading of a pretrained neck."""

from __future__ import annotations

from collections.abc import Mapping

from mmengine.logging import print_log
from torch import nn

from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.checkpoints.io.state_dict import (
    state_dict_of,
    unwrapped,
    without_prefix,
)
from mixmae.checkpoints.loading.key_map import KeyReport
from mixmae.fileio.address import public_address


def load_neck(neck: nn.Module, init_cfg: Mapping) -> None:
    """Load the neck of a pretraining checkpoint.

    Args:
        neck: One of mixmae's necks.
        init_cfg: ``dict(type='Pretrained', checkpoint=path or URL)``.

    Raises:
        ValueError: Another kind of ``init_cfg``, an unreadable file, or
            tensors that are not those of this neck.
    """
    if set(init_cfg) != {'type', 'checkpoint'}:
        raise ValueError(
            "init_cfg of a neck must be dict(type='Pretrained', "
            f'checkpoint=...), got the keys {sorted(init_cfg)}'
        )
    path = public_address(str(init_cfg['checkpoint']))
    content = safe_load(init_cfg['checkpoint'])
    whole = unwrapped(state_dict_of(content, path))
    state = without_prefix(whole, 'neck.')
    report = KeyReport()
    report.compare(state, neck.state_dict())
    wrong = [*report.missing, *report.unexpected]
    if wrong:
        raise ValueError(
            f'{path} does not hold the weights of this {type(neck).__name__}: '
            f'{len(wrong)} tensors differ ({", ".join(wrong[:5])}); without '
            f'init_cfg the neck is newly initialised'
        )
    neck.load_state_dict(state)
    print_log(f'neck from {path}: {len(state)} tensors loaded', 'current')
