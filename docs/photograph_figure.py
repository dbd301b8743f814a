"""Figure of photographs that a small network reconstructs.

    python docs/photograph_figure.py [CHECKPOINT]

writes docs/figures/photographs.jpg. The photographs come with scikit-image,
which the full tier installs: Chelsea (CC0, Stefan van der Walt), coffee (CC0,
Rachel Michetti), an astronaut (NASA, public domain) and a rocket (SpaceX,
public domain).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from mixmae.apis import ReconstructionInferencer

WEIGHTS = 'mixmae:swin-3stage-mixmae_imagenette-96'
# The network reads images of 96 pixels. A photograph is TILES x TILES of them,
# each reconstructed on its own.
SIDE, TILES = 96, 3
# Photographs, and the left, upper, right and lower end of their crops.
CROPS = {
    'chelsea': (75, 0, 375, 300),
    'coffee': (100, 0, 500, 400),
    'astronaut': (70, 0, 390, 320),
    # Its tiles fill the hidden cells of Chelsea; not shown.
    'rocket': (150, 60, 470, 380),
}
SHOWN = 3
PICTURES = ('original', 'mixed', 'reconstruction', 'hidden')
LOSSES = ('loss', 'mean_colour_loss')


def photographs() -> np.ndarray:
    """Square photographs, (count, TILES * SIDE, TILES * SIDE, 3) uint8 RGB."""
    size = (TILES * SIDE, TILES * SIDE)
    found = []
    for name, box in CROPS.items():
        whole = Image.fromarray(getattr(data, name)()[..., :3])
        found.append(whole.crop(box).resize(size, Image.Resampling.LANCZOS))
    return np.stack(found)


def reconstructed(infer: ReconstructionInferencer) -> list[dict]:
    """Reconstruct the photographs by tiles, each place with a mask of its own.

    Returns:
        For each photograph what ``infer`` returns for an image, with the mean
        losses of the tiles.
    """
    images = photographs()
    rows = []
    for y in range(TILES):
        row = []
        for x in range(TILES):
            tiles = images[:, y * SIDE :, x * SIDE :][:, :SIDE, :SIDE]
            row.append(
                infer(
                    tiles,
                    seed=y * TILES + x,
                    resize=None,
                    channel_order='rgb',
                    progress=False,
                )
            )
        rows.append(row)
    return [
        {**rows[0][0][index], **_joined([[t[index] for t in r] for r in rows])}
        for index in range(len(images))
    ]


def _joined(tiles: list[list[dict]]) -> dict:
    """Join the pictures of the tiles of a photograph, average the losses."""
    found = {
        name: np.concatenate(
            [np.concatenate([t[name] for t in row], 1) for row in tiles]
        )
        for name in PICTURES
    }
    every = [tile for row in tiles for tile in row]
    means = {name: np.mean([t[name] for t in every]) for name in LOSSES}
    return found | means


def main() -> None:
    """Reconstruct and draw."""
    checkpoint = sys.argv[1] if len(sys.argv) > 1 else WEIGHTS
    infer = ReconstructionInferencer(checkpoint=checkpoint)
    panel = infer.visualize(reconstructed(infer)[:SHOWN], 1, TILES * SIDE)
    path = Path(__file__).parent / 'figures' / 'photographs.jpg'
    Image.fromarray(panel).save(path, quality=80, optimize=True)
    print(path)


if __name__ == '__main__':
    main()
