"""Maskings: contract, base class, those of MixMAE, SimMIM and UM-MAE."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from mixmae.registry import TASK_UTILS
from mixmae.structures import CellMask


@runtime_checkable
class Masking(Protocol):
    """Draws which cells of a batch are hidden.

    A masking is registered in ``TASK_UTILS`` (of this package also by a row in
    ``registry.py``) and named in a config as the ``masking`` of
    ``MaskingDataPreprocessor``. It keeps no state between
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


class GridMasking(ABC):
    """Base class of maskings: refuses image sizes that do not fit the cells.

    Subclasses implement ``draw``.

    Args:
        cell: side of a cell in pixels.
        divisor: divisor of the image sides in pixels, a multiple of the cell;
            None for the cell itself.

    Raises:
        ValueError: ``cell`` is less than 1.
    """

    def __init__(self, cell: int, divisor: int | None = None) -> None:
        if cell < 1:
            raise ValueError(f'cell must be at least 1 pixel, got {cell}')
        self.cell = cell
        self._divisor = divisor or cell

    def __call__(
        self,
        batch: int,
        height: int,
        width: int,
        generator: torch.Generator | None = None,
    ) -> CellMask:
        """Draws the masks of a batch; see ``Masking``."""
        side = self._divisor
        if height % side or width % side or not height or not width:
            near = [max(side, round(s / side) * side) for s in (height, width)]
            raise ValueError(
                f'image size {height}x{width} is not a multiple of the '
                f'{side}-px {"cell" if side == self.cell else "unit"}; the '
                f'nearest valid size is {near[0]}x{near[1]}'
            )
        rows, columns = height // self.cell, width // self.cell
        return self.draw(batch, rows, columns, generator)

    @abstractmethod
    def draw(
        self,
        batch: int,
        rows: int,
        columns: int,
        generator: torch.Generator | None,
    ) -> CellMask:
        """Draws the masks of a batch, or one for all, on a grid of cells."""


_ROUNDING = {'floor': math.floor, 'ceil': math.ceil}


@TASK_UTILS.register_module()
class RandomMasking(GridMasking):
    """Hides a fixed share of cells, uniformly without replacement.

    MixMAE (models_mixmim.py, ``random_masking``) hides ``floor(0.5 * 49)``
    = 24 cells of 32 px at 224; SimMIM (data_simmim.py) rounds up and draws
    one mask per image.

    Args:
        ratio: share of hidden cells, inside (0, 1). A hook may change it
            between batches. MixMAE's ratios r and 1 - r are the same task:
            what one image of a pair hides, the other one shows.
        cell: side of a cell in pixels.
        shared: one mask for the whole batch instead of one per image.
        range_mask_ratio: the ratio of each batch is raised by a uniform
            number from [0, ``range_mask_ratio``); all images of a batch have
            the same number of hidden cells.
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
        super().__init__(cell)
        if not 0 < ratio < 1:
            raise ValueError(f'ratio must be inside (0, 1), got {ratio}')
        if range_mask_ratio < 0 or ratio + range_mask_ratio >= 1:
            raise ValueError(
                f'ratio + range_mask_ratio must stay below 1 and the range '
                f'not negative, got {ratio} + {range_mask_ratio}'
            )
        if rounding not in _ROUNDING:
            raise ValueError(
                f'rounding must be one of {sorted(_ROUNDING)}, got {rounding}'
            )
        self.ratio = ratio
        self.shared = shared
        self.range_mask_ratio = range_mask_ratio
        self.rounding = rounding

    def draw(
        self,
        batch: int,
        rows: int,
        columns: int,
        generator: torch.Generator | None,
    ) -> CellMask:
        """Draws one mask, or one per image; see ``GridMasking``."""
        total = rows * columns
        ratio = self.ratio
        if self.range_mask_ratio:
            spread = torch.rand((), generator=generator).item()
            ratio += self.range_mask_ratio * spread
        num_hidden = _ROUNDING[self.rounding](total * ratio)
        if not 0 < num_hidden < total:
            raise ValueError(
                f'ratio {ratio:.3g} hides {num_hidden} of the {total} cells '
                f'of an image; use larger images, a smaller cell than '
                f'{self.cell} or another ratio'
            )
        masks = 1 if self.shared else batch
        hidden = random_places(masks, total, num_hidden, generator)
        return CellMask(hidden.view(masks, rows, columns), self.cell)


def random_places(
    masks: int, total: int, count: int, generator: torch.Generator | None
) -> Tensor:
    """``count`` random places of each row, bool (masks, total)."""
    noise = torch.rand(masks, total, generator=generator)
    chosen = torch.zeros(masks, total, dtype=torch.bool)
    return chosen.scatter_(1, noise.argsort(1)[:, :count], True)


@TASK_UTILS.register_module()
class UniformMasking(GridMasking):
    """Keeps one cell of each 2x2, and hides some of these a second time.

    2205.10063, "uniform sampling" and "secondary masking"; UM-MAE
    mask_transform.py:18-51. The visible cells form a dense image of half the
    sides, on which any hierarchical network runs. Masks are drawn per image.
    One of four is part of the method: ``UMMAENeck`` accepts no other masks.

    Args:
        cell: side of a cell in pixels.
        secondary_ratio: share of the visible cells that the encoder sees as
            a mask token, in [0, 1); their number is rounded up.
        multiple: divisor of the image sides in pixels: twice the encoder's
            total stride, so that the last grid has whole tokens. 64 for Swin
            and PVT, 32 for ViT with 16-px patches.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        cell: int = 16,
        secondary_ratio: float = 0.25,
        multiple: int = 64,
    ) -> None:
        super().__init__(cell, multiple)
        if not 0 <= secondary_ratio < 1:
            raise ValueError(
                f'secondary_ratio must be inside [0, 1), got {secondary_ratio}'
            )
        if multiple < 1 or multiple % (2 * cell):
            raise ValueError(
                f'multiple must be a multiple of two cells, {2 * cell} '
                f'pixels, got {multiple}'
            )
        self.secondary_ratio = secondary_ratio

    def draw(
        self,
        batch: int,
        rows: int,
        columns: int,
        generator: torch.Generator | None,
    ) -> CellMask:
        """Draws one mask per image; see ``GridMasking``."""
        blocks = (rows // 2, columns // 2)
        number = blocks[0] * blocks[1]
        corners = _balanced_corners(batch, number, generator)
        kept = torch.nn.functional.one_hot(corners, 4).bool()
        secondary = None
        if self.secondary_ratio:
            hidden_again = self._secondary(batch, number, generator)
            secondary = _on_cells(kept & hidden_again[..., None], *blocks)
        return CellMask(~_on_cells(kept, *blocks), self.cell, secondary)

    def _secondary(
        self, batch: int, blocks: int, generator: torch.Generator | None
    ) -> Tensor:
        """Blocks whose visible cell is hidden again, bool (batch, blocks)."""
        stay = int(blocks * (1 - self.secondary_ratio))
        if not stay:
            raise ValueError(
                f'secondary_ratio {self.secondary_ratio} leaves none of '
                f'{blocks} cells visible; use larger images or a smaller ratio'
            )
        return ~random_places(batch, blocks, stay, generator)


def _balanced_corners(
    batch: int, blocks: int, generator: torch.Generator | None
) -> Tensor:
    """Visible cell of each 2x2 block, long (batch, blocks), 0 to 3.

    Drawn without replacement from a pool of twice as many entries as there
    are blocks, in which each corner is equally frequent.
    """
    pool = 4 * -(-blocks // 2)
    noise = torch.rand(batch, pool, generator=generator)
    return noise.argsort(1)[:, :blocks] % 4


def _on_cells(chosen: Tensor, rows: int, columns: int) -> Tensor:
    """(B, blocks, 4) -> (B, 2 rows, 2 columns), corners in raster order."""
    x = chosen.view(-1, rows, columns, 2, 2)
    return x.transpose(2, 3).flatten(3, 4).flatten(1, 2)
