"""Result of a conversion, its report and its output file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mixmae.checkpoints.io.safetensors_file import write_safetensors
from mixmae.checkpoints.loading.key_map import KeyReport
from mixmae.fileio.address import public_address
from mixmae.fileio.atomic_write import atomic_write


@dataclass
class Conversion:
    """A converted checkpoint before it is written.

    Attributes:
        state: Tensors under their new names.
        report: Report on each key.
        model: Configs of the parts of the model for this state.
        source: Origin of the weights.
        bare: Whether it is a backbone for a safetensors file.
        remark: Remark on the origin of the weights of such a file; '' = none.
    """

    state: Mapping[str, Tensor]
    report: KeyReport
    model: Mapping[str, Any]
    source: str
    bare: bool = False
    remark: str = ''

    def write(self, path: Path) -> None:
        """Write the file atomically.

        Raises:
            ValueError: Keys do not fit, or the suffix is not that of the
                format.
        """
        if not self.report.complete:
            raise ValueError('keys do not match; nothing was written')
        check_suffix(path, self.bare)
        name = os.path.basename(public_address(self.source))
        if self.bare:
            write_safetensors(
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


def check_suffix(path: Path, bare: bool) -> None:
    """Check the suffix of a converted file.

    Args:
        path: Target file.
        bare: Whether it will be a backbone in safetensors format.

    Raises:
        ValueError: The suffix is not that of the format.
    """
    suffix = '.safetensors'
    if bare != (path.suffix == suffix):
        wanted = 'must end' if bare else 'must not end'
        raise ValueError(f'{path} {wanted} in {suffix}; nothing was written')


def describe(model: Mapping[str, Any]) -> str:
    """Format configs as Python code on one line."""
    return ', '.join(f'{name}={_call(part)}' for name, part in model.items())


def _call(value: Any) -> str:
    if isinstance(value, Mapping) and all(k.isidentifier() for k in value):
        return f'dict({describe(value)})'
    return repr(value)
