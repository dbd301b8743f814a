"""Folder of scenes, written atomically and recognised by later runs.

``SceneSplit`` reads it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch

from mixmae.datasets.scenes.layouts import (
    LAYOUTS,
    AdeLayout,
    encode_png,
    link_or_copy,
)
from mixmae.datasets.scenes.objects import CLASSES
from mixmae.datasets.scenes.renderer import SceneRenderer
from mixmae.fileio.safe_path import read_json

RECORD = 'scenes.json'
# Increase it whenever the same settings give other images or files.
VERSION = 2


@dataclass(frozen=True)
class SceneSet:
    """Settings of a folder of scenes.

    Attributes:
        size: Side of the images in pixels, at least 16.
        train: Number of training scenes.
        val: Number of validation scenes.
        seed: Seed of all scenes.
        formats: Layouts to write, a subset of ``LAYOUTS``.

    Raises:
        ValueError: A setting is out of range.
    """

    size: int = 64
    train: int = 2048
    val: int = 512
    seed: int = 0
    formats: Sequence[str] = ('imagenet', 'coco', 'ade')

    def __post_init__(self) -> None:
        SceneRenderer(self.size, self.seed)
        if min(self.train, self.val) < 0 or self.train + self.val == 0:
            raise ValueError(
                f'train and val must be 0 or more and not both 0, got '
                f'{self.train} and {self.val}'
            )
        unknown = sorted(set(self.formats) - set(LAYOUTS))
        if unknown or not self.formats:
            raise ValueError(
                f'formats must be among {", ".join(LAYOUTS)}, got '
                f'{", ".join(unknown) or "none"}'
            )
        ordered = tuple(name for name in LAYOUTS if name in self.formats)
        object.__setattr__(self, 'formats', ordered)

    def write(
        self,
        folder: str | os.PathLike,
        progress: Callable[[int, int], None] | None = None,
        overwrite: bool = False,
    ) -> bool:
        """Write the scenes, unless they already exist.

        Everything is written next to ``folder`` and renamed at the end, so an
        interrupted run leaves nothing that looks like a dataset.

        Args:
            folder: Output folder. It may be missing, empty, or contain the
                same scenes, whose layouts are kept.
            progress: Called with the number of finished scenes and the total.
            overwrite: Replace scenes of other settings.

        Returns:
            False if the same scenes existed and nothing was done.

        Raises:
            ValueError: The folder contains something else.
        """
        # The folder may be a link to another disk.
        folder = Path(folder).resolve()
        record = _record(folder)
        found = record.get('settings') or {}
        complete = self._with_layouts_of(found)
        if complete is not self:
            return complete.write(folder, progress, overwrite)
        settings, files = self._settings(), _count_files(folder) - 1
        if found == settings and record.get('files') == files:
            return False
        _refuse_foreign(folder, record)
        if found and not overwrite:
            self._refuse_others(folder, found)
        folder.parent.mkdir(parents=True, exist_ok=True)
        # mkdtemp creates private folders; datasets should be readable by all.
        place = Path(tempfile.mkdtemp(dir=folder.parent, prefix='.scenes-'))
        place.chmod(0o755)
        try:
            digest = self._render(place, progress or (lambda *_: None))
            record = {
                'settings': settings,
                'checksum': digest,
                'files': _count_files(place),
            }
            text = json.dumps(record, indent=1) + '\n'
            (place / RECORD).write_text(text)
            if folder.exists():
                shutil.rmtree(folder)
            place.rename(folder)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        return True

    def _with_layouts_of(self, found: dict) -> SceneSet:
        """Return these scenes in the layouts of a folder as well."""
        formats = found.get('formats') or ()
        others = {*formats}.difference(self.formats)
        if not others or found != self._settings() | {'formats': formats}:
            return self
        return replace(self, formats=(*self.formats, *others))

    def _refuse_others(self, folder: Path, found: dict) -> None:
        named = [
            f'{key} {found.get(key)} (now {value})'
            for key, value in self._settings().items()
            if key != 'formats' and found.get(key) != value
        ]
        if named:
            raise ValueError(
                f'{folder} contains scenes of other settings: '
                f'{", ".join(named)}; choose another folder, or replace them '
                'with --overwrite'
            )

    def _settings(self) -> dict:
        settings = {'version': VERSION, **asdict(self)}
        return settings | {'formats': list(self.formats)}

    def _render(
        self, place: Path, progress: Callable[[int, int], None]
    ) -> str:
        """Write everything; return the SHA-256 of all images."""
        layouts = [LAYOUTS[name](place / name) for name in self.formats]
        digest = hashlib.sha256()
        done, total = 0, self.train + self.val
        for split, count in (('train', self.train), ('val', self.val)):
            renderer = SceneRenderer(self.size, self.seed, split)
            for index in range(count):
                scene = renderer.render(index)
                data = encode_png(scene.image)
                digest.update(data)
                paths = [x.picture(split, index, scene) for x in layouts]
                for layout, path in zip(layouts, paths):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    if path is paths[0]:
                        path.write_bytes(data)
                    else:
                        link_or_copy(paths[0], path)
                    layout.annotate(split, index, scene)
                done += 1
                progress(done, total)
            for layout in layouts:
                layout.finish(split)
        return digest.hexdigest()


def _count_files(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))


def _record(folder: Path) -> dict:
    """Return the record of the scenes in a folder; empty if there is none."""
    try:
        record = read_json(folder / RECORD)
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _refuse_foreign(folder: Path, record: dict) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ValueError(f'{folder} is a file; set a folder for the scenes')
    files = int(record.get('files') or 0)
    if record and _count_files(folder) - 1 > files:
        raise ValueError(
            f'{folder} contains files other than the scenes, which would be '
            'removed with them; move them, or use another folder'
        )
    if any(folder.iterdir()) and not record:
        raise ValueError(
            f'{folder} is not empty and contains no scenes ({RECORD} is '
            'missing); use a new or an empty folder'
        )


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
