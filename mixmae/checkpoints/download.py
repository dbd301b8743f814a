"""Checkpoints from the net, kept on the disk and checked by their hash."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import urldefrag, urlparse

import torch
from mmengine.dist import barrier, get_local_rank

from mixmae.checkpoints.durable_file import digest_of
from mixmae.checkpoints.whole_file import whole_file

# model-0123abcd.pth, as PyTorch and OpenMMLab name what they publish.
_IN_NAME = re.compile(r'-([0-9a-f]{8,64})\.(?:pth|pt|safetensors)$')
_IN_FRAGMENT = re.compile(r'sha256=([0-9a-f]{64})')


def noted_hash(url: str) -> str:
    """How the SHA-256 of a file begins, as its address notes it.

    Args:
        url: with ``#sha256=<64 hex digits>``, or a file name that ends in
            ``-<8 or more hex digits>.pth``.

    Returns:
        The digits, '' if it notes none.

    Raises:
        ValueError: a fragment that is no such hash.
    """
    address, fragment = urldefrag(url)
    if fragment:
        found = _IN_FRAGMENT.fullmatch(fragment.lower())
        if not found:
            raise ValueError(
                f'{url}: what stands behind # must be sha256= and 64 '
                f'hexadecimal digits'
            )
        return found[1]
    found = _IN_NAME.search(urlparse(address).path)
    return found[1] if found else ''


def download(url: str) -> Path:
    """Fetches a file into PyTorch's cache, once per machine.

    Returns:
        Where it lies. Other ranks of the machine wait for the first.

    Raises:
        ValueError: the address cannot be reached, or the file is another
            than its address says.
    """
    wanted = noted_hash(url)
    address = urldefrag(url)[0]
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    # Many runs call their files alike: the address belongs to the name.
    digest = hashlib.sha256(address.encode()).hexdigest()[:8]
    name = Path(urlparse(address).path).name or 'checkpoint'
    path = folder / f'{digest}-{name}'
    failure = None
    if get_local_rank() == 0:
        try:
            if not path.is_file():
                with whole_file(path) as partial:
                    torch.hub.download_url_to_file(address, str(partial))
                    _check(partial, wanted)
            else:
                _check(path, wanted)
        # No such host, no answer, no such file there, no room here.
        except (OSError, ValueError) as error:
            failure = error
    barrier()
    if failure is not None or not path.is_file():
        raise ValueError(
            f'{address} cannot be used: {failure or "see the first rank"}; '
            f'fetch it by other means and give its path'
        )
    return path


def _check(path: Path, wanted: str) -> None:
    found = digest_of(path)
    if not found.startswith(wanted):
        raise ValueError(
            f'its SHA-256 begins with {found[: len(wanted)]}, its address '
            f'says {wanted} (it lies at {path})'
        )
