"""Small labelled image folders, loaded into memory, for offline probes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from mixmae.datasets.images.image_file import read_image


def read_split(folder: Path, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Load images of class folders, resized and cropped to a square.

    Returns:
        (N, 3, size, size) uint8, RGB, and (N,) labels in the order of the
        sorted class names.

    Raises:
        ValueError: There is no image, or one cannot be read.
    """
    classes = sorted(p.name for p in folder.glob('*') if p.is_dir())
    paths = [
        (path, label)
        for label, name in enumerate(classes)
        for path in sorted((folder / name).iterdir())
    ]
    if not paths:
        raise ValueError(f'no images in {folder}/<class>/')
    images = np.empty((len(paths), size, size, 3), np.uint8)
    for i, (path, _) in enumerate(tqdm(paths, desc=f'reading {folder.name}')):
        rgb = Image.fromarray(read_image(path).pixels)
        scale = size / min(rgb.size)
        width, height = (max(size, round(s * scale)) for s in rgb.size)
        rgb = rgb.resize((width, height), Image.Resampling.BICUBIC)
        left, top = (width - size) // 2, (height - size) // 2
        rgb = rgb.crop((left, top, left + size, top + size))
        images[i] = np.asarray(rgb)
    labels = torch.tensor([label for _, label in paths])
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), labels
