"""Random masking of MixMAE and SimMIM."""

from __future__ import annotations

import math

import torch

from mixmae.registry import TASK_UTILS
from mixmae.structures import CellMask

_ROUNDING = {'floor': math.floor, 'ceil': math.ceil}


@TASK_UTILS.register_module()
class RandomMasking:
    """Hides a fixed share of cells, uniformly without replacement.

    MixMAE (models_mixmim.py, ``random_masking``) hides ``floor(0.5 * 49)``
    = 24 cells of 32 px at 224; SimMIM (data_simmim.py) rounds up and draws
    one mask per image.

    Args:
        ratio: share of hidden cells, inside (0, 1).
        cell: side of a cell in pixels.
        shared: one mask for the whole batch instead of one per image.
        range_mask_ratio: the ratio of each draw is raised by a uniform
            number from [0, ``range_mask_ratio``).
        rounding: 'floor' or 'ceil', of ratio times cells.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        ratio: float = 0.5,
        cell: int = 32,
        shared: bool = True,
        range_mask_ratio: float = 0.0,
        rounding: str = 'floor',
    ) -> None:
        if not 0 < ratio < 1:
            raise ValueError(f'ratio must be inside (0, 1), got {ratio}')
        if range_mask_ratio < 0 or ratio + range_mask_ratio >= 1:
            raise ValueError(
                f'ratio + range_mask_ratio must stay below 1 and the range '
                f'not negative, got {ratio} + {range_mask_ratio}'
            )
        if cell < 1:
            raise ValueError(f'cell must be at least 1 pixel, got {cell}')
        if rounding not in _ROUNDING:
            raise ValueError(
                f'rounding must be one of {sorted(_ROUNDING)}, got {rounding}'
            )
        self.ratio = ratio
        self.cell = cell
        self.shared = shared
        self.range_mask_ratio = range_mask_ratio
        self.rounding = rounding

    def __call__(
        self,
        batch: int,
        height: int,
        width: int,
        generator: torch.Generator | None = None,
    ) -> CellMask:
        """Draws the mask of a batch on the CPU.

        Args:
            batch: number of images.
            height, width: size of the images in pixels.
            generator: a CPU generator; None draws from torch's global one.

        Raises:
            ValueError: the size is not a whole number of cells, or so small
                that no cell or every cell would be hidden.
        """
        rows, columns = self._grid(height, width)
        total = rows * columns
        ratio = self.ratio
        if self.range_mask_ratio:
            spread = torch.rand((), generator=generator).item()
            ratio += self.range_mask_ratio * spread
        num_hidden = _ROUNDING[self.rounding](total * ratio)
        if not 0 < num_hidden < total:
            raise ValueError(
                f'ratio {ratio:.3g} hides {num_hidden} of the {total} cells '
                f'of a {height}x{width} image; use larger images, a smaller '
                f'cell than {self.cell} or another ratio'
            )
        masks = 1 if self.shared else batch
        noise = torch.rand(masks, total, generator=generator)
        hidden = torch.zeros(masks, total, dtype=torch.bool)
        hidden.scatter_(1, noise.argsort(1)[:, :num_hidden], True)
        return CellMask(hidden.view(masks, rows, columns), self.cell)

    def _grid(self, height: int, width: int) -> tuple[int, int]:
        cell = self.cell
        if height % cell or width % cell or not height or not width:
            near = [max(cell, round(s / cell) * cell) for s in (height, width)]
            raise ValueError(
                f'image size {height}x{width} is not a multiple of the '
                f'{cell}-px cell; the nearest valid size is '
                f'{near[0]}x{near[1]}'
            )
        return height // cell, width // cell
