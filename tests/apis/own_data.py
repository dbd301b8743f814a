"""Small labelled data sets in users' formats, and a tiny backbone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from numpy import ndarray
from PIL import Image

from mixmae.checkpoints.io.safetensors_file import write_safetensors
from mixmae.registry import MODELS

COLOURS = {'red': (220, 40, 40), 'green': (40, 200, 60), 'blue': (50, 60, 220)}
NETWORK = dict(
    type='mixmae.MIMSwin',
    arch=dict(embed_dims=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2)),
    img_size=64,
    patch_size=4,
    window_sizes=(8, 8, 4, 2),
)


THREE_STAGES = dict(
    NETWORK,
    arch=dict(embed_dims=8, depths=(1, 1, 1), num_heads=(1, 1, 2)),
    window_sizes=(8, 8, 4),
)


def write_backbone(
    path: Path, network: dict = NETWORK, **recorded: str
) -> Path:
    """Write random weights as ``mixmae convert --to safetensors`` does.

    Args:
        recorded: Settings that the file records instead of the network's.
    """
    torch.manual_seed(0)
    backbone = MODELS.build(dict(network))
    backbone.init_weights()
    norm = dict(mean=[123.0, 116, 103], std=[58.0, 57, 57])
    write_safetensors(
        path,
        backbone.state_dict(),
        {**network, **recorded},
        {**norm, 'channel_order': 'RGB'},
        'random weights',
    )
    return path


def picture(index: int) -> tuple[ndarray, tuple[int, int, int, int]]:
    """Return a 64 x 56 image with a coloured square and the square's box."""
    random = np.random.default_rng(index)
    image = random.integers(100, 140, (56, 64, 3), np.uint8)
    x, y = random.integers(2, 26, 2)
    width, height = random.integers(20, 28, 2)
    colour = list(COLOURS.values())[index % 3]
    image[y : y + height, x : x + width] = colour
    return image, (int(x), int(y), int(width), int(height))


def write_class_folders(
    folder: Path, count: int = 24, side: int | None = None
) -> Path:
    """Write three class folders."""
    for index in range(count):
        name = list(COLOURS)[index % 3]
        (folder / name).mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(picture(index)[0])
        if side is not None:
            image = image.resize((side, side))
        image.save(folder / name / f'{index}.png')
    return folder


def write_coco(folder: Path, count: int = 12) -> Path:
    """Write COCO files: gaps in ids, images without objects, no iscrowd."""
    (folder / 'images').mkdir(parents=True)
    images, objects = [], []
    for index in range(count):
        pixels, (x, y, width, height) = picture(index)
        number = 5 + 11 * index
        name = f'{index}.png'
        images.append(dict(id=number, file_name=name, width=64, height=56))
        if index % 6 == 5:
            # Not the same content twice, which a split keeps together.
            pixels[:] = 110 + index
        else:
            right, bottom = x + width, y + height
            objects.append(
                dict(
                    id=100 + 7 * index,
                    image_id=number,
                    category_id=(3, 17, 90)[index % 3],
                    bbox=[x, y, width, height],
                    area=width * height,
                    segmentation=[[x, y, right, y, right, bottom, x, bottom]],
                )
            )
        Image.fromarray(pixels).save(folder / 'images' / name)
    categories = [
        dict(id=number, name=name)
        for number, name in zip((3, 17, 90), COLOURS)
    ]
    path = folder / 'labels.json'
    content = dict(images=images, annotations=objects, categories=categories)
    path.write_text(json.dumps(content))
    return path


def write_masks(folder: Path, count: int = 10) -> Path:
    """Write palette PNGs: 1 around the square, 2 to 4 inside."""
    palette = [0, 0, 0, 90, 90, 90]
    palette += [value for colour in COLOURS.values() for value in colour]
    for kind in ('images', 'masks'):
        (folder / kind).mkdir(parents=True)
    for index in range(count):
        pixels, (x, y, width, height) = picture(index)
        Image.fromarray(pixels).save(folder / 'images' / f'{index}.png')
        values = np.ones((56, 64), np.uint8)
        values[y : y + height, x : x + width] = 2 + index % 3
        mask = Image.fromarray(values, 'P')
        mask.putpalette(palette)
        mask.save(folder / 'masks' / f'{index}.png')
    return folder
