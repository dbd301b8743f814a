"""Reading of checkpoint files: checksum, damage, no execution of their code.

``check_pickles`` (``pickle_check``) refuses opcodes and names that no
checkpoint needs; ``NAMES`` there is the complete list. PyTorch then loads with
``weights_only`` and the names of ``REPLACEMENTS``, and ``plain_values``
accepts tensors, numbers, text and containers of them only.
"""

from __future__ import annotations

import io
import json
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

from mixmae.checkpoints.io.download import download, is_name, named_file
from mixmae.checkpoints.io.pickle_check import check_pickles, only_safe_globals
from mixmae.checkpoints.io.plain_values import plain_values
from mixmae.checkpoints.io.saved_values import Malformed, NotAllowed
from mixmae.fileio.atomic_write import difference, sidecar
from mixmae.fileio.safe_path import FLAG, trusted
from mixmae.fileio.shown_text import cause_of, shortened
from mixmae.version import unpickler_flaw


class UnreadableError(ValueError):
    """A file that is damaged, or no checkpoint."""


def safe_load(path: str | Path) -> dict:
    """Read a checkpoint onto the CPU without executing its pickles.

    MMEngine's own files need a few NumPy types and official ones an
    ``argparse.Namespace``; nothing else is allowed. MMEngine's loader, by
    contrast, falls back to unsafe unpickling. ``safe_path.set_trusted``
    (``--trust-checkpoint`` of the tools) enables that, with a warning for each
    file that needs it.

    Args:
        path: A file written by ``torch.save`` or a safetensors file, or its
            http(s) URL, which is downloaded into PyTorch's cache (see
            ``download``), or a name (see ``named_file``).

    Returns:
        The saved dict; for a safetensors file its tensors as 'state_dict' and
        the strings of its header as 'meta'.

    Raises:
        ValueError: The file is missing or damaged, does not match the
            ``.sha256`` file beside it, needs more than tensors and plain
            values, or holds no dict.
    """
    remote = urlparse(str(path)).scheme in ('http', 'https')
    if remote:
        path = download(str(path))
    elif is_name(str(path)):
        path = named_file(str(path))
    else:
        path = Path(path).expanduser()
    if path.is_dir():
        raise ValueError(f'{path} is a folder; name a checkpoint in it')
    if not path.is_file():
        raise ValueError(
            f'no checkpoint file at {path}; if a config names it, set another '
            'one with --cfg-options model.backbone.init_cfg.checkpoint=... or '
            'load_from=...'
        )
    damage = difference(path)
    if damage is not None:
        raise ValueError(
            f'{path} is damaged: {damage}; use another one, or remove '
            f'{sidecar(path)} if you have rewritten the file'
        )
    try:
        if is_safetensors(path):
            return _load_safetensors(path)
        with _opened(path) as file:
            return _unpickled(file, str(path))
    except UnreadableError as error:
        if not remote:
            raise
        # Cut off, perhaps, where the address states neither length nor hash.
        path.unlink(missing_ok=True)
        raise UnreadableError(
            f'{error}; the downloaded file has been removed, so the next '
            f'start downloads it again'
        ) from None


def safe_load_bytes(data: bytes, name: str) -> dict:
    """Load a file that was read already; see ``safe_load``.

    Args:
        data: Content of the whole file.
        name: Origin of the file, for messages.
    """
    if data[8:9] == b'{':
        try:
            state = load_safetensors(data)
            length = int.from_bytes(data[:8], 'little')
            meta = json.loads(data[8 : 8 + length]).get('__metadata__')
            return {'state_dict': state, 'meta': meta or {}}
        except Exception as error:
            raise ValueError(
                f'{name} is not a readable safetensors file: {_cause(error)}'
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
    # Readers raise almost any exception on other bytes.
    except Exception as error:
        raise UnreadableError(
            f'{name} is not a readable checkpoint: {_cause(error)}; it is '
            'damaged, or another type of file'
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
        # A PyTorch default could be set to map the file.
        content = torch.load(
            file, map_location='cpu', weights_only=True, mmap=False
        )
    return plain_values(content)


def _refusal(name: str, error: NotAllowed | Malformed) -> ValueError:
    # Shortened: names in it come from the file.
    reason = shortened(str(error))
    if isinstance(error, Malformed):
        return ValueError(
            f'{name} cannot be loaded safely: it contains {reason}, which '
            'torch.save does not write; the file is damaged or malicious'
        )
    return ValueError(
        f'{name} cannot be loaded safely: it {reason}, and checkpoints must '
        f'not execute code. If you trust its author, {FLAG} runs that code '
        'with your permissions; a safer choice is a file with only the state '
        'dict, torch.save(checkpoint["model"], ...)'
    )


def _executed(file: BinaryIO, name: str, error: NotAllowed | Malformed) -> Any:
    """Unpickle a file that the user trusts."""
    verb = 'holds ' if isinstance(error, Malformed) else ''
    print_log(
        f'{FLAG}: {name} {verb}{shortened(str(error))}, and may',
        'current',
        logging.WARNING,
    )
    file.seek(0)
    try:
        return torch.load(file, map_location='cpu', weights_only=False)
    # Its code may raise any exception.
    except Exception as cause:
        raise ValueError(
            f'{name} cannot be loaded, not even with {FLAG}: {cause_of(cause)}'
        ) from None


def _cause(error: Exception) -> str:
    text = (str(error) or 'it ends early').splitlines()[0]
    # Not reported as lack of memory if the file states wrong sizes.
    if isinstance(error, MemoryError) or re.search('alloc', text):
        return 'it requests more memory than is available'
    # PyTorch's advice to load without the check would run the code.
    if isinstance(error, UnpicklingError):
        found = re.search('WeightsUnpickler error: (.*)', str(error))
        text = (found and found[1]) or 'its pickle is malformed'
    if isinstance(error, LookupError):
        text = 'its pickle uses values that it does not define'
    # The advice after the first sentence does not help.
    return shortened(text.split('. ')[0].rstrip('.'))


@cache
def _warn_of_old_torch() -> None:
    flaw = unpickler_flaw(torch.__version__)
    if flaw:
        print_log(
            f'{flaw}; load .pth files only from authors that you trust, or '
            'use safetensors files',
            'current',
            logging.WARNING,
        )


def is_safetensors(path: Path) -> bool:
    """Return True if a file is a safetensors file by name or first bytes."""
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
    # Unsupported dtypes raise exceptions of any type.
    except Exception as error:
        raise UnreadableError(
            f'{path} is not a readable safetensors file: {_cause(error)}'
        ) from None
