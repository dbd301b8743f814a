"""The contract of a masking."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch

from mixmae.structures import CellMask


@runtime_checkable
class Masking(Protocol):
    """Draws which cells of a batch are hidden.

    A masking is registered in ``TASK_UTILS`` and named in a config as the
    ``masking`` of ``MaskingDataPreprocessor``. It keeps no state between
    calls: equal arguments and an equal generator give an equal mask.

    Attributes:
        cell: side of a cell in pixels. The neck must have the same one.
    """

    cell: int

    def __call__(
        self,
        batch: int,
        height: int,
        width: int,
        generator: torch.Generator | None = None,
    ) -> CellMask:
        """Draws the masks of a batch on the CPU.

        Args:
            batch: number of images.
            height, width: size of the images in pixels.
            generator: a CPU generator, the only source of randomness; None
                draws from torch's global one.

        Returns:
            A mask on the CPU of the whole image, with this masking's
            ``cell``, for each image or one for all. Each image has the same
            number of hidden cells, so that ``CellMask.num_hidden`` is known
            and no step waits for a GPU to count them.

        Raises:
            ValueError: no mask can be drawn for this size; the message names
                the nearest valid one.
        """
