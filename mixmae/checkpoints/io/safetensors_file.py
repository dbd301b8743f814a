"""A backbone as a bare safetensors file that says what it is.

The header's strings (``__metadata__``) are JSON: ``backbone`` (arguments of
``MIMSwin``), ``preprocessing`` (mean and std per channel in units of 0..255,
``channel_order``), ``source``, ``format_version``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from safetensors.torch import save
from torch import Tensor

from mixmae.checkpoints.io.plain_values import plain_values
from mixmae.fileio.atomic_write import atomic_write

FORMAT_VERSION = 1


def write_bare_backbone(
    path: str | os.PathLike,
    state: Mapping[str, Tensor],
    backbone: Mapping[str, Any],
    preprocessing: Mapping[str, Any],
    source: str,
) -> None:
    """Writes tensors and header, whole or not at all.

    Args:
        path: of the file.
        state: the backbone's, without prefix.
        backbone: config of the network.
        preprocessing: what its images must have gone through.
        source: where the weights come from, in words.
    """
    header = {
        'backbone': backbone,
        'preprocessing': preprocessing,
        'source': source,
        'format_version': FORMAT_VERSION,
    }
    # Views of one storage may not be saved, and the format wants them dense.
    tensors = {key: value.clone().contiguous() for key, value in state.items()}
    text = {key: json.dumps(value) for key, value in header.items()}
    with atomic_write(path) as partial:
        # Its save_file would keep the file from all other users.
        partial.write_bytes(save(tensors, {'format': 'pt', **text}))


def read_header(meta: Mapping[str, str]) -> dict[str, Any]:
    """The header of such a file, from its strings.

    Raises:
        ValueError: written by a later version, or not by us.
    """
    try:
        header = {
            key: json.loads(value)
            for key, value in meta.items()
            if key != 'format'
        }
        version = plain_values(header)['format_version']
    # Of JSON that is nested without end, too.
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(
            'a safetensors file without the header that mixmae writes '
            '(backbone, preprocessing, source, format_version)'
        ) from None
    if version != FORMAT_VERSION:
        raise ValueError(
            f'the file has format version {version}, this mixmae reads '
            f'{FORMAT_VERSION}; a newer one may help'
        )
    return header
