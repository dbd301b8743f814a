"""How long an iteration takes: products, traffic and calls."""

from __future__ import annotations

from typing import NamedTuple

from mixmae.engine.flops import TrainingWork


class StepTime(NamedTuple):
    """What a device takes for an iteration.

        pace * (batch * (flops / rate + moved / bandwidth)
                + operations * call)

    Attributes:
        rate: operations of matrix products per second.
        bandwidth: bytes per second that operations read and write.
        call: seconds of each operation of a forward pass, with what it needs
            in the backward pass and the optimizer, beside all that; 0 where
            the device works while the CPU calls.
        pace: of all that together.
    """

    rate: float
    bandwidth: float
    call: float = 0.0
    pace: float = 1.0

    def seconds(self, work: TrainingWork, batch: float) -> float:
        """Of an iteration with so many images."""
        image = work.flops / self.rate + work.moved / self.bandwidth
        return self.pace * (batch * image + work.operations * self.call)

    def fitted(
        self, work: TrainingWork, batch: float, seconds: float
    ) -> StepTime:
        """What makes an iteration take as long as it did.

        Products and calls are measured by themselves, so what is left was
        traffic: its bandwidth is fitted, and is no higher than the memory's,
        which is this one's. If even so an iteration should have taken longer
        than it did, all were faster by as much.

        Args:
            work: of the network that was trained.
            batch: images of an iteration of it.
            seconds: it took.
        """
        left = seconds - self._replace(pace=1.0).seconds(
            work._replace(moved=0.0), batch
        )
        moved = batch * work.moved
        if left * self.bandwidth >= moved > 0:
            return self._replace(bandwidth=moved / left, pace=1.0)
        expected = self._replace(pace=1.0).seconds(work, batch)
        return self._replace(pace=seconds / expected)
