"""Where ranks wait for one that does something alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mmengine.dist import get_world_size
from torch import distributed

PATIENCE = timedelta(days=1)


class HostBarrier:
    """All ranks, on the host, with a time limit that nothing reaches.

    The group that exchanges gradients must not wait long for anybody; this
    one is for what takes the main rank as long as it takes. Ranks that wait
    here are equally far, so the watchdog lets them be. A single process has
    nobody to wait for.
    """

    def __init__(self) -> None:
        self._world: Any = None
        self._group: Any = None

    def prepare(self) -> None:
        """To be called by all ranks; the group is made once."""
        if get_world_size() < 2:
            self._world = self._group = None
        elif self._world is not distributed.group.WORLD:
            self._world = distributed.group.WORLD
            self._group = distributed.new_group(
                backend='gloo', timeout=PATIENCE
            )

    def wait(self) -> None:
        """Until all ranks are here."""
        if self._group is not None:
            distributed.barrier(self._group)


# Those of a process share it: each group has threads and connections.
HOST_BARRIER = HostBarrier()
