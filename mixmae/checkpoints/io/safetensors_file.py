"""Safetensors files of mixmae: tensors, and a header that describes them.

The strings of the header (``__metadata__``) are JSON: ``backbone`` (its
config), ``preprocessing`` (mean and std per channel in units of 0..255, and
the channel order), ``source`` and ``format_version``. A file of a whole
pretraining also has ``config`` (of the model and the test pipeline) and
``card``, see ``release``.
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


def write_safetensors(
    path: str | os.PathLike,
    state: Mapping[str, Tensor],
    backbone: Mapping[str, Any],
    preprocessing: Mapping[str, Any],
    source: str,
    **more: Any,
) -> None:
    """Write tensors and header atomically.

    Args:
        path: Path of the file.
        state: State dict of the backbone, without prefix; of a whole
            pretraining with the prefixes of its parts.
        backbone: Config of the network.
        preprocessing: Mean, std and channel order of its images.
        source: Origin of the weights, as text.
        more: Further values of the header, by name.
    """
    header = {
        'backbone': backbone,
        'preprocessing': preprocessing,
        'source': source,
        'format_version': FORMAT_VERSION,
        **more,
    }
    # The format does not allow shared storages and needs dense tensors.
    tensors = {key: value.clone().contiguous() for key, value in state.items()}
    text = {key: json.dumps(value) for key, value in header.items()}
    with atomic_write(path) as partial:
        # safetensors' save_file would make the file private to this user.
        partial.write_bytes(save(tensors, {'format': 'pt', **text}))


def read_header(meta: Mapping[str, str]) -> dict[str, Any]:
    """Parse the header of such a file.

    Raises:
        ValueError: It was written by a later version or by other software.
    """
    try:
        header = {
            key: json.loads(value)
            for key, value in meta.items()
            if key != 'format'
        }
        version = plain_values(header)['format_version']
    # RecursionError: deeply nested JSON.
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(
            'a safetensors file without the metadata that mixmae writes '
            '(backbone, preprocessing, source, format_version)'
        ) from None
    if version != FORMAT_VERSION:
        raise ValueError(
            f'the file has format version {version}, this version of mixmae '
            f'reads {FORMAT_VERSION}; try a newer version'
        )
    return header
