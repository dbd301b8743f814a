"""Weights by name: ``mixmae:NAME`` comes with mixmae, ``hf:USER/NAME`` from
the Hugging Face hub.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from mixmae.fileio.shown_text import cause_of

PREFIX, HUB = 'mixmae:', 'hf:'
# In a repository of the hub, where other software looks for it.
HUB_FILE = 'model.safetensors'
SUFFIX = '.safetensors'
_PACKAGE = Path(__file__).resolve().parents[2]
_ONLY_IN_CLONES = 'weights/README.md'


def weight_files() -> dict[str, Path]:
    """Return the files that come with mixmae by name.

    A clone has more of them than a wheel: those of data sets whose terms
    restrict their use stay out of the wheel.
    """
    folders = [_PACKAGE / 'weights']
    if (_PACKAGE.parent / _ONLY_IN_CLONES).is_file():
        folders.append(_PACKAGE.parent / 'weights')
    files = [path for one in folders for path in one.glob(f'*{SUFFIX}')]
    return {path.stem: path for path in sorted(files)}


def is_name(address: str) -> bool:
    """Return True if an address names weights, and is no file or URL."""
    return address.startswith((PREFIX, HUB))


def named_file(address: str) -> Path:
    """Return the file of weights; download those of the hub.

    Args:
        address: ``mixmae:NAME``, or ``hf:USER/NAME``, which may end in
            ``@REVISION``.

    Raises:
        ValueError: There are no weights of this name, or the hub cannot be
            reached.
    """
    if address.startswith(HUB):
        return _hub_file(address)
    files = weight_files()
    name = address.removeprefix(PREFIX)
    if name in files:
        return files[name]
    close = difflib.get_close_matches(name, files, 1) or list(files)
    listed = ', '.join(PREFIX + one for one in close) or 'none'
    raise ValueError(
        f'{address}: there are no weights of this name; there are: {listed}; '
        'or give the path of a file'
    )


def _hub_file(address: str) -> Path:
    try:
        # Optional.
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise ValueError(
            f'{address}: huggingface_hub is not installed; run '
            "pip install 'mixmae[hub]'"
        ) from None
    name, _, revision = address.removeprefix(HUB).partition('@')
    try:
        return Path(hf_hub_download(name, HUB_FILE, revision=revision or None))
    # Hub, cache and network raise errors of many kinds.
    except Exception as error:
        raise ValueError(
            f'{address}: {HUB_FILE} cannot be downloaded ({cause_of(error)})'
        ) from None
