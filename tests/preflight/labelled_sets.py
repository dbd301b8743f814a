"""Tiny labelled data sets on disk, and the preflight of a run on them."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from PIL import Image
from torch import nn

from mixmae.preflight import Finding, PlannedRun, Preflight, PreflightHook
from mixmae.preflight.check import PreflightError
from mixmae.preflight.check_list import build_preflight
from tests.engine.tiny_run import ROOT
from tests.tools.running import load_tool

CHECK_DATASET = ROOT / 'tools' / 'dataset_converters' / 'check_dataset.py'
SPLITS = ('train', 'val')
SIZE = 24


class Head(nn.Module):
    """Head of a number of classes."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.fc = nn.Linear(1, num_classes)


class OneHead(BaseModel):
    """Model with one head, under the name that the task uses."""

    def __init__(self, head: str, num_classes: int) -> None:
        super().__init__()
        self.add_module(head, Head(num_classes))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError('the preflight runs no step')


class NoMetric(BaseMetric):
    """Metric without results."""

    def process(self, data_batch: Any, data_samples: Any) -> None:
        raise AssertionError('the preflight runs no step')

    def compute_metrics(self, results: list) -> dict:
        raise AssertionError('the preflight runs no step')


def picture(path: Path, size: tuple[int, int] = (SIZE, SIZE)) -> None:
    """Write an image of noise, (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0)
    pixels = noise.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def turned(path: Path, orientation: int, size: tuple[int, int]) -> None:
    """Write a JPEG of a stored size with an EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', size, (90, 120, 30)).save(path, exif=exif)


def class_set(
    root: Path,
    train: Mapping[str, int] | Sequence[str] = 'abc',
    val: Mapping[str, int] | Sequence[str] = 'abc',
) -> Path:
    """Write class folders with a number of images each, 2 by default."""
    for split, classes in zip(SPLITS, (train, val)):
        if not isinstance(classes, Mapping):
            classes = dict.fromkeys(classes, 2)
        for name, count in classes.items():
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                picture(root / split / name / f'{number}.png')
    return root


def coco_content(names: Sequence[str] = ('cat', 'cow'), images: int = 4):
    """Return a valid annotation file: every class in every image."""
    entries, objects = [], []
    for number in range(images):
        entries.append(
            dict(
                id=number,
                file_name=f'{number}.jpg',
                width=2 * SIZE,
                height=SIZE,
            )
        )
        for category, _ in enumerate(names, 1):
            x, y, w, h = 8 * category, 4, 14, 12
            objects.append(
                dict(
                    id=len(objects) + 1,
                    image_id=number,
                    category_id=category,
                    bbox=[x, y, w, h],
                    area=w * h,
                    iscrowd=0,
                    segmentation=[[x, y, x + w, y, x + w, y + h, x, y + h]],
                )
            )
    categories = [dict(id=k, name=name) for k, name in enumerate(names, 1)]
    return dict(images=entries, annotations=objects, categories=categories)


def coco_set(root: Path, **contents: dict) -> Path:
    """Write annotation files of train and val in COCO's layout, and images."""
    for split in SPLITS:
        content = contents.get(split) or coco_content()
        path = root / 'annotations' / f'instances_{split}.json'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        for image in content['images']:
            place = root / split / image['file_name']
            if not place.exists():
                picture(place, (2 * SIZE, SIZE))
    return root


def segmentation_set(
    root: Path,
    maps: Sequence[np.ndarray] | None = None,
    val: Sequence[np.ndarray] | None = None,
) -> Path:
    """Write images and label maps; valid ones have labels 0, 1 and 255."""
    if maps is None:
        one = np.zeros((SIZE, SIZE), np.uint8)
        one[4:16, 4:16] = 1
        one[:2] = 255
        maps = [one, one, one]
    for split, chosen in zip(SPLITS, (maps, val or maps)):
        for number, labels in enumerate(chosen):
            path = root / 'annotations' / split / f'{number}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(labels).save(path)
            picture(root / 'images' / split / f'{number}.jpg')
    (root / 'classes.txt').write_text('ground\nobject\n')
    return root


def classification(root: Path, **options: Any) -> Config:
    """Return the config of class folders; options are of both data sets."""

    def dataset(split: str) -> dict:
        return dict(
            type='CustomDataset',
            data_root=str(root),
            data_prefix=split,
            pipeline=[dict(type='LoadImageFromFile')],
        ) | copy.deepcopy(options)

    return _config('mmpretrain', dataset)


def detection(root: Path, **options: Any) -> Config:
    """Return the config of COCO's layout; options are of both data sets."""

    def dataset(split: str) -> dict:
        return dict(
            type='CocoDataset',
            data_root=str(root),
            ann_file=f'annotations/instances_{split}.json',
            data_prefix=dict(img=f'{split}/'),
            metainfo=dict(classes=('cat', 'cow')),
            filter_cfg=dict(filter_empty_gt=True, min_size=1),
            test_mode=split != 'train',
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
            ],
        ) | copy.deepcopy(options)

    config = _config('mmdet', dataset)
    config.val_evaluator = dict(
        type='CocoMetric',
        ann_file=str(root / 'annotations' / 'instances_val.json'),
        metric=['bbox', 'segm'],
    )
    return config


def segmentation(root: Path, **options: Any) -> Config:
    """Return the config of ADE20K's layout; options are of both data sets."""

    def dataset(split: str) -> dict:
        return dict(
            type='BaseSegDataset',
            data_root=str(root),
            data_prefix=dict(
                img_path=f'images/{split}',
                seg_map_path=f'annotations/{split}',
            ),
            metainfo=dict(
                classes=('ground', 'object'),
                palette=[[0, 0, 0], [255, 0, 0]],
            ),
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='LoadAnnotations'),
            ],
        ) | copy.deepcopy(options)

    return _config('mmseg', dataset)


def _config(scope: str, dataset: Any) -> Config:
    def loader(split: str) -> dict:
        return dict(
            batch_size=1,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=split == 'train'),
            dataset=dataset(split),
        )

    return Config(
        dict(
            default_scope=scope,
            model=dict(type='OneHead'),
            train_dataloader=loader('train'),
            val_dataloader=loader('val'),
        )
    )


def preflight(
    config: Config, folder: Path, head: str = 'head', num_classes: int = 2
) -> tuple[dict[str, Finding], PreflightError | None]:
    """Return the findings of a training with a real runner, without a step."""
    planned = PlannedRun('train', config)
    checks: Preflight = build_preflight(planned)
    raised = None
    # The runner completes and changes what it is given.
    given = copy.deepcopy(config)
    given.setdefault('work_dir', str(folder / 'run'))
    try:
        checks.run('config', planned)
        torch.manual_seed(0)
        runner = Runner(
            model=OneHead(head, num_classes),
            work_dir=given.work_dir,
            train_dataloader=given.train_dataloader,
            val_dataloader=given.val_dataloader,
            train_cfg=dict(by_epoch=True, max_epochs=1),
            val_cfg=dict(),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            val_evaluator=[NoMetric()],
            default_scope=config.default_scope,
            experiment_name=f'labels-{folder.name}-{id(folder)}',
            cfg=given,
        )
        runner.register_hook(PreflightHook(checks, planned, only=True))
        try:
            runner.train()
        except SystemExit as end:
            assert not end.code
    except PreflightError as error:
        raised = error
    return checks.findings, raised


def messages(findings: Mapping[str, Finding]) -> list[str]:
    """Return errors and warnings of all findings."""
    return [
        line
        for one in findings.values()
        for line in (*one.errors, *one.warnings)
    ]


def checked(capsys: Any, kind: str, root: Path, *options: str) -> list[str]:
    """Return the lines of ``check_dataset.py`` that are problems or notes."""
    load_tool(CHECK_DATASET).main([kind, str(root), *options])
    lines = capsys.readouterr().out.splitlines()
    return [line for line in lines if line.startswith(('problem', 'note'))]
