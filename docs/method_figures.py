"""Figures of the methods, drawn by the code that trains.

    python docs/method_figures.py

writes docs/figures. The necks of the three methods get scenes and masks; what
they return is drawn: mixed inputs, groups of tokens, attention masks.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch
from matplotlib import colors
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mixmae.datasets.scenes.scene_set import SceneSet
from mixmae.masking import RandomMasking, UniformMasking
from mixmae.registry import MODELS

SIZE, CELL = 128, 32
GROUPS = colors.ListedColormap(['#1f77d0', '#e07b00'])


def draw_figures(folder: Path) -> None:
    """Write ``mixmae.png``, ``attention.png`` and ``maskings.png``."""
    images = _scenes(2)
    generator = torch.Generator().manual_seed(5)
    mask = RandomMasking(0.5, CELL, shared=True)(1, SIZE, SIZE, generator)
    _draw_mixing(images, mask, folder / 'mixmae.png')
    _draw_attention(mask, folder / 'attention.png')
    _draw_maskings(images, folder / 'maskings.png')


def _scenes(count: int) -> torch.Tensor:
    """Scenes as (B, 3, H, W) in 0..1, RGB."""
    with tempfile.TemporaryDirectory() as folder:
        scenes = SceneSet(size=SIZE, train=count, val=1, seed=3)
        scenes.write(folder)
        paths = sorted(Path(folder).glob('imagenet/train/*/*'))[:count]
        images = [cv2.imread(str(path))[..., ::-1] for path in paths]
    array = np.stack(images).transpose(0, 3, 1, 2)
    return torch.from_numpy(array.copy()).float() / 255


def _neck(kind: str, **settings) -> torch.nn.Module:
    decoder = dict(embed_dims=8, depth=1, num_heads=1)
    return MODELS.build(
        dict(type=kind, in_channels=8, cell=CELL, decoder=decoder, **settings)
    )


def _draw_mixing(images, mask, path: Path) -> None:
    """Pair of images, mask, mixed images and what each reconstructs."""
    mixed = _neck('MixMAENeck').mixed_images(images, mask)
    fine = mask.at_stride(1)[0]
    halves = [
        torch.where(fine, torch.ones(()), images[0]),
        torch.where(fine, images[0], torch.ones(())),
    ]
    pictures = [
        ('image A', images[0]),
        ('image B', images[1]),
        (
            'mask of A (dark: hidden)',
            1 - 0.75 * fine.float().expand(3, -1, -1),
        ),
        ('mixed image 1', mixed[0]),
        ('mixed image 2', mixed[1]),
        ('of A in mixed image 1', halves[0]),
        ('of A in mixed image 2', halves[1]),
    ]
    figure = _figure(7, 1)
    for i, (title, picture) in enumerate(pictures):
        _show(figure.add_subplot(1, 7, i + 1), title, picture)
    _save(figure, path)


def _draw_attention(mask, path: Path) -> None:
    """Groups of tokens, and which pairs of tokens attend to each other."""
    tokens = mask.at_stride(CELL // 2)[0]
    group = tokens.flatten().long()
    order = group.argsort(stable=True)
    same = group[:, None] == group[None]
    sorted_same = same[order][:, order]
    figure = _figure(5, 1.1)
    axes = [figure.add_subplot(1, 3, i + 1) for i in range(3)]
    axes[0].imshow(tokens, cmap=GROUPS)
    axes[0].set_title('tokens of A and B', fontsize=9)
    axes[1].imshow(same, cmap='gray_r')
    axes[1].set_title('pairs that attend: raster order', fontsize=9)
    axes[2].imshow(sorted_same, cmap='gray_r')
    axes[2].set_title('sorted by image', fontsize=9)
    for one in axes:
        one.set(xticks=[], yticks=[])
    _save(figure, path)


def _draw_maskings(images, path: Path) -> None:
    """Inputs of the encoders of the three methods, for one image."""
    generator = torch.Generator().manual_seed(1)
    random = RandomMasking(0.5, CELL, shared=True)
    uniform = UniformMasking(CELL // 2, secondary_ratio=0.25)
    simmim = RandomMasking(0.6, CELL, shared=False)
    mixmae_mask = random(1, SIZE, SIZE, generator)
    um_mask = uniform(1, SIZE, SIZE, generator)
    sim_mask = simmim(1, SIZE, SIZE, generator)
    grey = torch.full((), 0.55)
    um_visible = torch.where(um_mask.at_stride(1), torch.ones(()), images[:1])
    um_secondary = _secondary(um_mask)
    pictures = [
        ('image', images[0]),
        ('MixMAE: mixed with B', _mixed(images, mixmae_mask)),
        ('UM-MAE: 1 of 2x2', um_visible[0]),
        (
            'UM-MAE: compacted',
            _compact(images[0], um_mask, um_secondary, grey),
        ),
        (
            'SimMIM: mask tokens',
            torch.where(sim_mask.at_stride(1), grey, images[:1])[0],
        ),
    ]
    figure = _figure(5, 1)
    for i, (title, picture) in enumerate(pictures):
        _show(figure.add_subplot(1, 5, i + 1), title, picture)
    _save(figure, path)


def _mixed(images, mask):
    return _neck('MixMAENeck').mixed_images(images, mask)[0]


def _secondary(mask) -> torch.Tensor:
    """Visible cells that are replaced by a mask token, (rows, columns)."""
    return mask.secondary[0]


def _compact(image, mask, secondary, grey) -> torch.Tensor:
    """Visible cells of an image as a grid of half the side."""
    side = mask.cell
    visible = ~mask.hidden[0]
    rows, columns = (n // 2 for n in visible.shape)
    canvas = torch.ones(3, rows * side, columns * side)
    for y, x in visible.nonzero().tolist():
        cell = image[:, y * side : (y + 1) * side, x * side : (x + 1) * side]
        if secondary[y, x]:
            cell = grey.expand_as(cell)
        top, left = y // 2 * side, x // 2 * side
        canvas[:, top : top + side, left : left + side] = cell
    return canvas


def _figure(columns: float, rows: float) -> Figure:
    figure = Figure(
        figsize=(1.75 * columns, 2.0 * rows), dpi=160, layout='constrained'
    )
    FigureCanvasAgg(figure)
    return figure


def _show(axes, title: str, picture: torch.Tensor) -> None:
    axes.imshow(picture.permute(1, 2, 0).clamp(0, 1))
    axes.set_title(title, fontsize=8)
    axes.axis('off')


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, facecolor='white')


if __name__ == '__main__':
    draw_figures(Path(__file__).parent / 'figures')
