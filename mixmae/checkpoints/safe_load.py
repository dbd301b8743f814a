"""Reading checkpoint files without running what is in them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from pickle import UnpicklingError
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, get_local_rank
from mmengine.runner.checkpoint import get_torch_safe_globals
from safetensors import SafetensorError, safe_open


def download(url: str) -> Path:
    """Fetches a file into PyTorch's cache, once per machine.

    Returns:
        Where it lies. Other ranks of the machine wait for the first.
    """
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    path = folder / Path(urlparse(url).path).name
    if get_local_rank() == 0 and not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f'{path.name}.partial')
        torch.hub.download_url_to_file(url, str(partial))
        os.replace(partial, path)
    barrier()
    return path


def safe_load(path: str | Path) -> dict:
    """Reads a checkpoint onto the CPU; a pickle is never executed.

    MMEngine's own files need a few NumPy types, official ones an
    ``argparse.Namespace``; nothing wider is let in. MMEngine's loader, by
    contrast, falls back to unsafe unpickling.

    Args:
        path: a file written by ``torch.save`` or a safetensors file, or the
            http(s) address of one, which is kept in PyTorch's cache.

    Returns:
        What was saved, a dict; of a safetensors file its tensors as
        'state_dict' and its header's strings as 'meta'.

    Raises:
        ValueError: no such file, a damaged one, one that needs more than
            tensors and plain values, or one that holds no dict.
    """
    remote = urlparse(str(path)).scheme in ('http', 'https')
    path = download(str(path)) if remote else Path(path).expanduser()
    if not path.is_file():
        raise ValueError(
            f'no checkpoint file at {path}; where a config names it, '
            f'--cfg-options model.backbone.init_cfg.checkpoint=... or '
            f'load_from=... names another'
        )
    if is_safetensors(path):
        return _load_safetensors(path)
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


def is_safetensors(path: Path) -> bool:
    """Whether a file is one by its name, or begins like one."""
    if path.suffix == '.safetensors':
        return True
    with path.open('rb') as file:
        # Eight bytes of length, then a JSON object.
        return file.read(9)[8:] == b'{'


def _load_safetensors(path: Path) -> dict:
    try:
        with safe_open(path, framework='pt', device='cpu') as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return {'state_dict': state, 'meta': file.metadata() or {}}
    except SafetensorError as error:
        raise ValueError(
            f'{path} is no readable safetensors file: {error}'
        ) from None
