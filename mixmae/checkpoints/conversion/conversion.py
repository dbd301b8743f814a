"""The outcome of a conversion, and how it is reported and written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mixmae.checkpoints.io.safetensors_file import write_bare_backbone
from mixmae.checkpoints.loading.key_report import KeyReport
from mixmae.fileio.address import public_address
from mixmae.fileio.atomic_write import atomic_write


@dataclass
class Conversion:
    """A converted checkpoint, before it is written.

    Attributes:
        state: tensors under their new names.
        report: what became of each key.
        model: configs of the parts of the model that takes the state.
        source: where the weights come from.
        bare: it is a backbone for a safetensors file.
        remark: what one must know of where the weights of such a file come
            from; '' = nothing.
    """

    state: Mapping[str, Tensor]
    report: KeyReport
    model: Mapping[str, Any]
    source: str
    bare: bool = False
    remark: str = ''

    def write(self, path: Path) -> None:
        """Writes it whole, or not at all.

        Raises:
            ValueError: keys do not fit; another suffix than the format's.
        """
        if not self.report.complete:
            raise ValueError('keys do not fit, nothing written')
        suffix = '.safetensors'
        if self.bare != (path.suffix == suffix):
            wanted = f'on {suffix}' if self.bare else f'not on {suffix}'
            raise ValueError(f'{path} must end {wanted}, nothing written')
        name = os.path.basename(public_address(self.source))
        if self.bare:
            write_bare_backbone(
                path,
                self.state,
                self.model['backbone'],
                self.model['data_preprocessor'],
                f'converted from {name}'
                + (self.remark and f', {self.remark}'),
            )
            return
        meta = {'source': name, 'grade': 'converted', 'model': self.model}
        with atomic_write(path) as partial:
            torch.save({'state_dict': dict(self.state), 'meta': meta}, partial)


def describe(model: Mapping[str, Any]) -> str:
    """Configs as Python would write them, on one line."""
    return ', '.join(f'{name}={_call(part)}' for name, part in model.items())


def _call(value: Any) -> str:
    if isinstance(value, Mapping) and all(k.isidentifier() for k in value):
        return f'dict({describe(value)})'
    return repr(value)
