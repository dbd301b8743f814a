"""Reading checkpoint files without running what is in them."""

from __future__ import annotations

import io
import logging
import re
from functools import cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO
from urllib.parse import urlparse

import torch
from mmengine.logging import print_log
from safetensors import safe_open
from safetensors.torch import load as load_safetensors

from mixmae.checkpoints.io.download import download
from mixmae.checkpoints.io.pickle_check import check_pickles
from mixmae.checkpoints.io.plain_values import plain_values
from mixmae.checkpoints.io.safe_globals import only_safe_globals
from mixmae.checkpoints.io.saved_values import Malformed, NotAllowed
from mixmae.fileio.checksummed_write import difference, sidecar
from mixmae.fileio.printable import shortened
from mixmae.fileio.trust import FLAG, trusted
from mixmae.version_gates import unpickler_flaw


def safe_load(path: str | Path) -> dict:
    """Reads a checkpoint onto the CPU; a pickle is never executed.

    MMEngine's own files need a few NumPy types, official ones an
    ``argparse.Namespace``; nothing wider is let in. MMEngine's loader, by
    contrast, falls back to unsafe unpickling. ``trust.set_trusted`` (the
    tools' ``--trust-checkpoint``) switches to that, with a warning for each
    file that needs it.

    Args:
        path: a file written by ``torch.save`` or a safetensors file, or the
            http(s) address of one, which is kept in PyTorch's cache (see
            ``download``).

    Returns:
        What was saved, a dict; of a safetensors file its tensors as
        'state_dict' and its header's strings as 'meta'.

    Raises:
        ValueError: no such file, a damaged one, one whose bytes are not those
            that a ``.sha256`` beside it notes, one that needs more than
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
    damage = difference(path)
    if damage is not None:
        raise ValueError(
            f'{path} is damaged: {damage}; take another one, or remove '
            f'{sidecar(path)} if you have written the file anew'
        )
    if is_safetensors(path):
        return _load_safetensors(path)
    with _opened(path) as file:
        return _unpickled(file, str(path))


def safe_load_bytes(data: bytes, name: str) -> dict:
    """As ``safe_load``, of a file that was read already.

    Args:
        data: of the whole file.
        name: where it comes from, for messages.
    """
    if data[8:9] == b'{':
        try:
            return {'state_dict': load_safetensors(data), 'meta': {}}
        except Exception as error:
            raise ValueError(
                f'{name} is no readable safetensors file: {_cause(error)}'
            ) from None
    return _unpickled(io.BytesIO(data), name)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open('rb')
    except OSError as error:
        raise ValueError(
            f'{path} cannot be read: {error.strerror or error}'
        ) from None


def _unpickled(file: BinaryIO, name: str) -> dict:
    _warn_of_old_torch()
    try:
        content = _safely(file)
    except (NotAllowed, Malformed) as error:
        if not trusted():
            raise _refusal(name, error) from None
        content = _executed(file, name, error)
    # Bytes that are no checkpoint make the reader raise almost anything.
    except Exception as error:
        raise ValueError(
            f'{name} is no readable checkpoint: {_cause(error)}; it is '
            f'damaged, or another kind of file'
        ) from None
    if not isinstance(content, dict):
        raise ValueError(
            f'{name} holds a {type(content).__name__}, not a checkpoint dict'
        )
    return content


def _safely(file: BinaryIO) -> Any:
    check_pickles(file)
    file.seek(0)
    with only_safe_globals():
        # A default of PyTorch's could be set to map the file.
        content = torch.load(
            file, map_location='cpu', weights_only=True, mmap=False
        )
    return plain_values(content)


def _refusal(name: str, error: NotAllowed | Malformed) -> ValueError:
    # Names in it are those of the file.
    reason = shortened(str(error))
    if isinstance(error, Malformed):
        return ValueError(
            f'{name} cannot be loaded safely: it holds {reason}, as no '
            f'program saves it; the file is damaged or forged'
        )
    return ValueError(
        f'{name} cannot be loaded safely: it {reason}, and nothing in a '
        f'checkpoint is executed. If you know its author, {FLAG} runs it with '
        f'all your rights; better is a file with the state dict alone, '
        f'torch.save(checkpoint["model"], ...)'
    )


def _executed(file: BinaryIO, name: str, error: NotAllowed | Malformed) -> Any:
    """Runs what the file carries, for the user trusts it."""
    verb = 'holds ' if isinstance(error, Malformed) else ''
    print_log(
        f'{FLAG}: {name} {verb}{shortened(str(error))}, and may',
        'current',
        logging.WARNING,
    )
    file.seek(0)
    try:
        return torch.load(file, map_location='cpu', weights_only=False)
    # It may do anything, raise what it likes included.
    except Exception as cause:
        raise ValueError(
            f'{name} cannot be loaded, not even with {FLAG}: '
            f'{type(cause).__name__}: {shortened(_first_line(cause))}'
        ) from None


def _cause(error: Exception) -> str:
    text = _first_line(error)
    # The machine is not blamed for sizes that the file has wrong.
    if isinstance(error, MemoryError) or re.search('alloc', text):
        return 'it asks for more memory than there is'
    # PyTorch advises to load it without the check, which would run it.
    if isinstance(error, UnpicklingError):
        found = re.search('WeightsUnpickler error: (.*)', str(error))
        text = (found and found[1]) or 'its pickle is malformed'
    if isinstance(error, LookupError):
        text = 'its pickle uses what is not there'
    # The advice behind the first sentence does not help.
    return shortened(text.split('. ')[0].rstrip('.'))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else 'it ends early'


@cache
def _warn_of_old_torch() -> None:
    flaw = unpickler_flaw(torch.__version__)
    if flaw:
        print_log(
            f'{flaw}; load .pth files of people you trust only, or '
            f'safetensors files',
            'current',
            logging.WARNING,
        )


def is_safetensors(path: Path) -> bool:
    """Whether a file is one by its name, or begins like one."""
    if path.suffix == '.safetensors':
        return True
    with _opened(path) as file:
        # Eight bytes of length, then a JSON object.
        return file.read(9)[8:] == b'{'


def _load_safetensors(path: Path) -> dict:
    try:
        with safe_open(path, framework='pt', device='cpu') as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return {'state_dict': state, 'meta': file.metadata() or {}}
    # Types that this version has no tensors for are errors of any type.
    except Exception as error:
        raise ValueError(
            f'{path} is no readable safetensors file: {_cause(error)}'
        ) from None
