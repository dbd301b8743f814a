"""Reading checkpoint files without running what is in them."""

from __future__ import annotations

import argparse
import hashlib
import re
from pathlib import Path
from pickle import UnpicklingError
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, get_local_rank
from mmengine.runner.checkpoint import get_torch_safe_globals
from safetensors import SafetensorError, safe_open

from mixmae.checkpoints.whole_file import whole_file


def download(url: str) -> Path:
    """Fetches a file into PyTorch's cache, once per machine.

    Returns:
        Where it lies. Other ranks of the machine wait for the first.

    Raises:
        ValueError: the address cannot be reached.
    """
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    # Many runs call their files alike: the address belongs to the name.
    digest = hashlib.sha256(url.encode()).hexdigest()[:8]
    name = Path(urlparse(url).path).name or 'checkpoint'
    path = folder / f'{digest}-{name}'
    failure = None
    if get_local_rank() == 0 and not path.is_file():
        try:
            with whole_file(path) as partial:
                torch.hub.download_url_to_file(url, str(partial))
        # No such host, no answer, no such file there, no room here.
        except OSError as error:
            failure = error
    barrier()
    if failure is not None or not path.is_file():
        raise ValueError(
            f'{url} cannot be fetched: {failure or "see the first rank"}; '
            f'fetch it by other means and give its path'
        )
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
            f'no checkpoint file at {path}; if a config names it, '
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
        # PyTorch advises to load without the check, which runs the code.
        found = re.search(r'GLOBAL (\S+)', str(error))
        cause = f'it wants to run {found[1]}' if found else 'it is damaged'
        raise ValueError(
            f'{path} cannot be loaded safely: {cause}, and nothing in a '
            f'checkpoint is executed. If you trust where it comes from, save '
            f'its state dict alone, with torch.save(checkpoint["model"], ...)'
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
