"""Reading checkpoint files without running what is in them."""

from __future__ import annotations

import argparse
from pathlib import Path
from pickle import UnpicklingError

import torch
from mmengine.runner.checkpoint import get_torch_safe_globals


def safe_load(path: str | Path) -> dict:
    """Reads a checkpoint onto the CPU; a pickle is never executed.

    MMEngine's own files need a few NumPy types, official ones an
    ``argparse.Namespace``; nothing wider is let in. MMEngine's loader, by
    contrast, falls back to unsafe unpickling.

    Args:
        path: a file written by ``torch.save``.

    Returns:
        What was saved, a dict.

    Raises:
        ValueError: no such file, a damaged one, one that needs more than
            tensors and plain values, or one that holds no dict.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ValueError(f'no checkpoint file at {path}')
    allowed = [*get_torch_safe_globals(), argparse.Namespace]
    try:
        with torch.serialization.safe_globals(allowed):
            content = torch.load(path, map_location='cpu', weights_only=True)
    except UnpicklingError as error:
        cause = str(error).splitlines()[0]
        raise ValueError(
            f'{path} cannot be loaded safely: {cause} Save its state dict '
            f'alone, with torch.save(checkpoint["model"], ...), if you trust '
            f'where it comes from'
        ) from None
    # Bytes that are no pickle make the unpickler raise almost anything.
    except Exception as error:
        cause = str(error).splitlines()[0] if str(error) else 'it ends early'
        raise ValueError(
            f'{path} is no readable checkpoint: {cause}'
        ) from None
    if not isinstance(content, dict):
        raise ValueError(
            f'{path} holds a {type(content).__name__}, not a checkpoint dict'
        )
    return content
