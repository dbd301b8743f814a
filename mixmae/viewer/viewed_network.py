"""Network of a viewer: reconstructions, error maps and feature similarity."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from numpy import ndarray
from torch import Tensor

from mixmae.apis.image_preparation import ImagePreparation
from mixmae.apis.reconstruction_inferencer import (
    GREY,
    ReconstructionInferencer,
)
from mixmae.fileio.shown_text import shown_line
from mixmae.masking.masking import RandomMasking
from mixmae.structures import CellMask
from mixmae.visualization.reconstruction_panel import to_pixels
from mixmae.visualization.report.embedded_image import embedded_image
from mixmae.visualization.report.reconstruction_views import (
    reconstruction_views,
    view_titles,
)

# Mean absolute error of a pixel, in 0..255, at the end of the colour map.
WORST = 64.0


class ViewedNetwork:
    """A pretraining checkpoint that answers the questions of a viewer.

    Args:
        checkpoint: Checkpoint of a pretraining of any method.
        device: Such as 'cpu'; None = a GPU if there is one.

    Raises:
        ValueError: The checkpoint is not of a pretraining.
    """

    def __init__(
        self, checkpoint: str | os.PathLike, device: str | None = None
    ) -> None:
        inferencer = ReconstructionInferencer(None, checkpoint, device)
        self.model = inferencer.model
        self.prepare = ImagePreparation(inferencer.cfg, 'pipeline')
        parts = Path(checkpoint).parts[-2:]
        self.name = shown_line('/'.join(parts))
        self.method = self.model.neck.method
        self.masking = self.model.data_preprocessor.masking
        self.cell = self.masking.cell

    @property
    def by_hand(self) -> bool:
        """Whether any set of cells may be hidden."""
        return isinstance(self.masking, RandomMasking)

    def about(self) -> dict[str, Any]:
        """Return name, method, cell, ratio and ``by_hand`` for the page."""
        return {
            'name': self.name,
            'method': self.method,
            'cell': self.cell,
            'by_hand': self.by_hand,
            'ratio': self.masking.ratio if self.by_hand else None,
        }

    def load(self, path: str | os.PathLike) -> Tensor:
        """Read an image as the network's test pipeline prepares it.

        Returns:
            (3, H, W) uint8, BGR.

        Raises:
            ValueError: The file is not a readable image.
        """
        image: ndarray = self.prepare.load(os.fspath(path))
        return self.prepare(image, 0, os.fspath(path))

    def mask(
        self,
        image: Tensor,
        seed: int,
        ratio: float | None = None,
        hidden: list[list[bool]] | None = None,
    ) -> CellMask:
        """Return the mask that a request asks for.

        Args:
            image: (3, H, W).
            seed: Seed of a drawn mask.
            ratio: Share of hidden cells; None = the network's own.
            hidden: Cells that were hidden by hand, row by row; None draws
                them.

        Raises:
            ValueError: The method does not allow it, or a number is out of
                range.
        """
        height, width = image.shape[1:]
        if (hidden is not None or ratio is not None) and not self.by_hand:
            raise ValueError(
                f'{self.method} keeps one cell of each 2x2: its masks are '
                f'drawn by a seed only'
            )
        if hidden is not None:
            cells = torch.tensor(hidden, dtype=torch.bool)[None]
            wanted = (height // self.cell, width // self.cell)
            if cells.shape[1:] != wanted:
                raise ValueError(
                    f'the mask has {tuple(cells.shape[1:])} cells, the image '
                    f'{wanted}'
                )
            if not 0 < int(cells.sum()) < cells.numel():
                raise ValueError('hide at least one cell, and not all of them')
            return CellMask(cells, self.cell)
        masking = self.masking
        if ratio is not None:
            masking = copy.copy(masking)
            masking.ratio = ratio
        generator = torch.Generator().manual_seed(seed)
        return masking(1, height, width, generator)

    @torch.no_grad()
    def predict(
        self, image: Tensor, partner: Tensor, mask: CellMask
    ) -> dict[str, Any]:
        """Reconstruct an image.

        Args:
            image: (3, H, W).
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
        if torch.equal(image, partner):
            # Nothing to see in a mix of an image with itself.
            fine = mask.at_stride(1).to(sample.mixed.device)
            sample.mixed = sample.original.masked_fill(fine, GREY)
        row = reconstruction_views(samples[:1], parts.mean, parts.std)[0]
        titles = view_titles(self.method, sample.uses_target_statistics)
        error = (sample.reconstruction - sample.original).abs().mean(0)
        views = {name: row[name] for name in titles}
        views['error'] = _heat(error.cpu().numpy() / WORST)
        return {
            'titles': {**titles, 'error': 'absolute error'},
            'views': views,
            'loss': row['loss'],
            'mean_colour_loss': row['mean_colour_loss'],
            'hidden': np.asarray(sample.hidden.cpu(), dtype=int).tolist(),
        }

    @torch.no_grad()
    def similarity(self, image: Tensor, y: float, x: float) -> dict[str, Any]:
        """Compare the feature at a point with those at all others.

        Args:
            image: (3, H, W).
            y: Place of the point as a share of the height, 0 to 1.
            x: The same of the width.

        Returns:
            ``image``: cosine similarities as a ``data:`` address;
            ``original``: the image they belong to.
        """
        if not (0 <= y <= 1 and 0 <= x <= 1):
            raise ValueError(f'a point lies within 0..1, got {y}, {x}')
        maps = self._features(image[None])[0]
        units = torch.nn.functional.normalize(maps, dim=0)
        _, height, width = units.shape
        row = min(int(y * height), height - 1)
        column = min(int(x * width), width - 1)
        found = (units * units[:, row, column, None, None]).sum(0)
        low = float(found.min())
        shares = (found - low) / max(1 - low, 1e-6)
        fine = torch.nn.functional.interpolate(
            shares[None, None], image.shape[1:], mode='bilinear'
        )[0, 0]
        rgb = image.flip(0).float()
        return {
            'image': _heat(fine.numpy()),
            'original': embedded_image(to_pixels(rgb)),
        }

    @torch.no_grad()
    def embedding(self, image: Tensor) -> Tensor:
        """Mean feature of an image, of unit length, (C,)."""
        feature = self._features(image[None])[0].mean((1, 2))
        return torch.nn.functional.normalize(feature, dim=0)

    def _features(self, images: Tensor) -> Tensor:
        """Last maps of whole images, (B, C, h, w), on the CPU."""
        inputs = self.model.data_preprocessor.normalise(images)
        return self.model.backbone(inputs)[-1].float().cpu()


def _heat(shares: ndarray) -> str:
    """Values in 0..1 as colours, a ``data:`` address."""
    colours = colormaps['magma'](np.clip(shares, 0, 1))[..., :3]
    return embedded_image((colours * 255).round().astype(np.uint8))
