"""Download of checkpoints by URL or name into a cache, checked by their hash.

``mixmae:NAME`` comes with mixmae, ``hf:USER/NAME`` from the Hugging Face hub.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import shutil
from pathlib import Path
from urllib.parse import urldefrag, urlparse
from urllib.request import Request, urlopen

import torch
from mmengine.dist import all_gather_object
from mmengine.logging import print_log

from mixmae.fileio.address import (
    full_address,
    public_address,
    without_secrets,
    without_user,
)
from mixmae.fileio.atomic_write import atomic_write, digest_of
from mixmae.fileio.shown_text import cause_of

# Seconds without receiving a byte.
DOWNLOAD_TIMEOUT = 60
# model-0123abcd.pth, as PyTorch and OpenMMLab name what they publish.
_IN_NAME = re.compile(r'-([0-9a-f]{8,64})\.(?:pth|pt|safetensors)$')
_IN_FRAGMENT = re.compile(r'sha256=([0-9a-f]{64})')


def noted_hash(url: str) -> str:
    """Return the first digits of the SHA-256 that a URL states.

    Args:
        url: With ``#sha256=<64 hex digits>``, or with a file name that ends in
            ``-<8 or more hex digits>.pth``.

    Returns:
        The digits, '' if the URL states none.

    Raises:
        ValueError: The fragment is not such a hash.
    """
    address, fragment = urldefrag(url)
    if fragment:
        found = _IN_FRAGMENT.fullmatch(fragment.lower())
        if not found:
            raise ValueError(
                f'{public_address(url)}: the part after # must be sha256= and '
                '64 hexadecimal digits'
            )
        return found[1]
    found = _IN_NAME.search(urlparse(address).path)
    return found[1] if found else ''


def download(url: str) -> Path:
    """Download a file into PyTorch's cache, once per machine.

    All ranks call this; the ranks of a machine wait for its first one. A
    cached file that does not match the hash in the URL is downloaded again.

    Returns:
        Path of the file.

    Raises:
        ValueError: On any machine, the URL cannot be reached, or the file does
            not match its hash or is truncated. All ranks raise.
    """
    url = full_address(url)
    wanted = noted_hash(url)
    address = urldefrag(url)[0]
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    # File names are not unique, so the cache name includes a digest of the
    # URL.
    digest = hashlib.sha256(address.encode()).hexdigest()[:8]
    name = Path(urlparse(address).path).name or 'checkpoint'
    path = folder / f'{digest}-{name}'
    failure = ''
    if _local_rank() == 0:
        try:
            _provide(path, address, wanted)
        # Any exception (unknown host, timeout, invalid response, full disk):
        # the other ranks must not wait forever.
        except Exception as error:
            failure = str(error) or type(error).__name__
            failure = without_secrets(failure, address)
    failures = [one for one in all_gather_object(failure) if one]
    if not failures and not path.is_file():
        failures = [f'it was downloaded, but {path} is missing']
    if failures:
        raise ValueError(
            f'{public_address(address)} cannot be used: {failures[0]}; '
            'download it by other means and pass its path'
        )
    return path


def _local_rank() -> int:
    """Return the rank on this machine, as the launcher sets it.

    MMEngine's local rank needs a process group that nothing creates.
    """
    ours = os.environ.get('LOCAL_RANK', '0')
    return int(os.environ.get('OMPI_COMM_WORLD_LOCAL_RANK', ours))


def _provide(path: Path, address: str, wanted: str) -> None:
    """Make sure that the right file exists."""
    if path.is_file() and digest_of(path).startswith(wanted):
        return
    path.unlink(missing_ok=True)
    with atomic_write(path) as partial:
        _fetch(address, partial)
        found = digest_of(partial)[: len(wanted)]
        if found != wanted:
            raise ValueError(
                f'its SHA-256 begins with {found}, but the URL requires '
                f'{wanted}'
            )


def _fetch(address: str, path: Path) -> None:
    """Download to a file; unlike torch.hub, detect a truncated response."""
    print_log(f'downloading {public_address(address)}', 'current')
    address, authorization = without_user(address)
    request = Request(address, headers={'User-Agent': 'mixmae'})
    if authorization is not None:
        # Not sent to the server that a redirect leads to.
        request.add_unredirected_header('Authorization', authorization)
    with (
        urlopen(request, timeout=DOWNLOAD_TIMEOUT) as answer,
        path.open('wb') as file,
    ):
        shutil.copyfileobj(answer, file, 1 << 20)
        promised = answer.headers.get('Content-Length')
    found = path.stat().st_size
    if promised is not None and found != int(promised):
        raise ValueError(
            f'it ended after {found} of {promised} bytes; try again'
        )


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
