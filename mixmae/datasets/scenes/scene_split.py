"""Synthetic scenes with all labels, in memory."""

from pathlib import Path

import cv2
import numpy as np
import torch

from mixmae.datasets.scenes.layouts import AdeLayout
from mixmae.datasets.scenes.objects import CLASSES


def _read(path: Path, mode: int = cv2.IMREAD_COLOR) -> np.ndarray:
    pixels = cv2.imread(str(path), mode)
    if pixels is None:
        raise ValueError(f'cannot read {path}; write the scenes again')
    return pixels


class SceneSplit:
    """Split of a folder written by ``SceneSet``.

    Args:
        folder: The folder, with its ``imagenet`` and ``ade`` layouts.
        name: 'train' or 'val'.
        dense: Number of scenes whose pixel labels are read.

    Attributes:
        images: (N, 3, H, W) uint8, BGR.
        labels: (N,) class of the dominant object.
        pixel_labels: (dense, H / 2, W / 2) of every second pixel (sufficient
            for evaluation, at a quarter of the cost): 0 is background, c + 1
            class c.
    """

    def __init__(self, folder: Path, name: str, dense: int) -> None:
        files = sorted(
            (folder / 'imagenet' / name).glob('*/*.png'), key=lambda p: p.stem
        )
        maps = folder / 'ade' / 'annotations' / AdeLayout.splits[name]
        images = np.stack([_read(path) for path in files])
        self.images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
        classes = [CLASSES.index(path.parent.name) for path in files]
        self.labels = torch.tensor(classes)
        pixels = [
            _read(maps / f'{path.stem}.png', cv2.IMREAD_UNCHANGED)
            for path in files[:dense]
        ]
        sparse = np.stack(pixels)[:, ::2, ::2].astype(np.int64)
        self.pixel_labels = torch.from_numpy(sparse)
