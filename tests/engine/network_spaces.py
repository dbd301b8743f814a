"""Two hosts on one machine: network namespaces with a virtual cable."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

# Any private network works, as the namespaces are isolated.
ADDRESSES = ('10.213.7.1', '10.213.7.2')


class Host(NamedTuple):
    """One of two simulated hosts.

    Attributes:
        space: name of its network namespace.
        link: of its end of the cable.
        address: at that end.
    """

    space: str
    link: str
    address: str

    def enter(self) -> list[str]:
        """Command prefix to run in the namespace."""
        return ['ip', 'netns', 'exec', self.space]

    def cut_off(self) -> None:
        """Disconnect the host without closing its connections."""
        _ip('-n', self.space, 'link', 'set', self.link, 'down')


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Two connected hosts; the test is skipped without root."""
    if not hasattr(os, 'geteuid') or os.geteuid() != 0:
        pytest.skip('NOT TESTED: network namespaces need root')
    if shutil.which('ip') is None:
        pytest.skip('NOT TESTED: there is no command `ip` (iproute2)')
    here = os.getpid()
    first, second = (
        Host(f'mixmae-{here}-{side}', f'mix{here % 10**7}{side}', address)
        for side, address in zip('ab', ADDRESSES, strict=True)
    )
    try:
        try:
            for host in (first, second):
                _ip('netns', 'add', host.space)
            _ip(
                *('link', 'add', first.link, 'netns', first.space),
                *('type', 'veth', 'peer', 'name', second.link),
                *('netns', second.space),
            )
            for host in (first, second):
                inside = ('-n', host.space)
                end = f'{host.address}/30'
                _ip(*inside, 'addr', 'add', end, 'dev', host.link)
                for link in ('lo', host.link):
                    _ip(*inside, 'link', 'set', link, 'up')
        except subprocess.CalledProcessError as error:
            why = error.stderr.strip()
            pytest.skip(f'NOT TESTED: no network namespaces here: {why}')
        yield first, second
    finally:
        # Removing one end of the virtual cable removes the other.
        for host in (first, second):
            subprocess.run(
                ['ip', 'netns', 'del', host.space],
                capture_output=True,
                check=False,
            )


def _ip(*words: str) -> None:
    subprocess.run(['ip', *words], check=True, capture_output=True, text=True)
