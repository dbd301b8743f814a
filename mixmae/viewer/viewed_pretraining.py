"""Pretrained network of a viewer: masks and reconstructions."""

from __future__ import annotations

import copy
import math
import os
from typing import Any

import torch
from torch import Tensor, nn

from mixmae.apis.reconstruction_inferencer import (
    GREY,
    ReconstructionInferencer,
)
from mixmae.masking.masking import RandomMasking, UniformMasking
from mixmae.structures import CellMask
from mixmae.viewer.viewed_network import (
    LONGEST,
    ViewedNetwork,
    heat_map,
)
from mixmae.visualization.report.reconstruction_views import (
    reconstruction_views,
    view_titles,
)

# Mean absolute error of a pixel, in 0..255, at the end of the colour map.
WORST = 64.0


class ViewedPretraining(ViewedNetwork):
    """A pretraining of any method, with encoder and decoder.

    Raises:
        ValueError: The checkpoint is not of a pretraining.
    """

    kind = 'reconstruction'

    def __init__(
        self, checkpoint: str | os.PathLike, device: str | None = None
    ) -> None:
        found = ReconstructionInferencer(None, checkpoint, device)
        parts = found.model.data_preprocessor
        super().__init__(checkpoint, found.model, found.cfg, parts.normalise)
        self.method = found.model.neck.method
        self.masking = parts.masking
        self.cell = self.masking.cell

    @property
    def by_hand(self) -> str | None:
        """Cells that may be hidden by hand.

        'any' set of them; 'block', all but one of each 2x2; or None.
        """
        if isinstance(self.masking, RandomMasking):
            return 'any'
        return 'block' if isinstance(self.masking, UniformMasking) else None

    def about(self) -> dict[str, Any]:
        """Return also ``cell``, ``ratio`` and ``by_hand``."""
        return {
            'name': self.name,
            'kind': self.kind,
            'method': self.method,
            'cell': self.cell,
            'by_hand': self.by_hand,
            'ratio': self.masking.ratio if self.by_hand == 'any' else None,
        }

    def mask(
        self,
        image: Tensor,
        seed: int,
        ratio: float | None = None,
        hidden: list[list[bool]] | None = None,
    ) -> CellMask:
        """Return the mask that a request asks for.

        Args:
            image: (channels, H, W).
            seed: Seed of what is drawn at random.
            ratio: Share of hidden cells, of a method that has one; None = the
                network's own.
            hidden: Cells that were hidden by hand, row by row; None draws
                them.

        Raises:
            ValueError: The method does not allow these cells.
        """
        masking = self.masking
        if ratio is not None and self.by_hand == 'any':
            masking = copy.copy(masking)
            masking.ratio = ratio
        generator = torch.Generator().manual_seed(seed)
        drawn = masking(1, *image.shape[1:], generator)
        return drawn if hidden is None else self._by_hand(hidden, drawn)

    def _by_hand(self, hidden: list[list[bool]], drawn: CellMask) -> CellMask:
        """Return the mask of given cells; ``drawn`` has its size."""
        cells = torch.tensor(hidden, dtype=torch.bool)[None]
        if cells.shape[1:] != drawn.hidden.shape[1:]:
            raise ValueError(
                f'the mask has {tuple(cells.shape[1:])} cells, the image '
                f'{tuple(drawn.hidden.shape[1:])}'
            )
        if self.by_hand is None:
            raise ValueError(
                f'masks of {type(self.masking).__name__} are drawn by a seed '
                f'only'
            )
        if self.by_hand == 'any':
            if not 0 < int(cells.sum()) < cells.numel():
                raise ValueError('hide at least one cell, and not all of them')
            return CellMask(cells, self.cell)
        visible = (~cells).float()
        if not (nn.functional.avg_pool2d(visible, 2) == 0.25).all():
            raise ValueError(f'{self.method} keeps one cell of each 2x2')
        if drawn.secondary is None:
            return CellMask(cells, self.cell)
        # Blocks whose visible cell becomes a mask token are still drawn.
        blocks = nn.functional.max_pool2d(drawn.secondary.float(), 2)
        again = nn.functional.interpolate(blocks[None], scale_factor=2)[0] > 0
        return CellMask(cells, self.cell, again & ~cells)

    @torch.no_grad()
    def predict(
        self, image: Tensor, partner: Tensor, mask: CellMask
    ) -> dict[str, Any]:
        """Reconstruct an image.

        Args:
            image: (channels, H, W).
            partner: Image whose cells MixMAE puts in place of hidden ones.
            mask: Hidden cells of both.

        Returns:
            ``titles`` and ``views``, ``data:`` addresses by view, with the
            map of the ``error``; ``loss``, ``mean_colour_loss``, ``hidden``.
        """
        parts = self.model.data_preprocessor
        data = {'inputs': torch.stack([image, partner]), 'mask': mask}
        samples = self.model(**parts(data, False), mode='predict')
        sample = samples[0]
        if not math.isfinite(sample.loss):
            raise ValueError(
                f'{self.name} predicts values that are not finite'
            )
        if torch.equal(image, partner):
            # Nothing to see in a mix of an image with itself.
            fine = mask.at_stride(1).to(sample.mixed.device)
            sample.mixed = sample.original.masked_fill(fine, GREY)
        row = reconstruction_views(
            samples[:1], parts.mean, parts.std, LONGEST
        )[0]
        titles = view_titles(self.method, sample.uses_target_statistics)
        error = (sample.reconstruction - sample.original).abs().mean(0)
        views = {name: row[name] for name in titles}
        views['error'] = heat_map(error.float().cpu().numpy() / WORST)
        return {
            'kind': self.kind,
            'titles': {**titles, 'error': 'absolute error of all cells'},
            'views': views,
            'loss': row['loss'],
            'mean_colour_loss': row['mean_colour_loss'],
            'hidden': sample.hidden.cpu().int().tolist(),
        }
