"""Data set and config of a training of a few seconds."""

import copy
import pprint
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.structures import BaseDataElement
from torch.utils.data import Dataset

from mixmae.registry import DATASETS

ROOT = Path(__file__).resolve().parents[2]


class LabelledSample(BaseDataElement):
    """Minimal version of mmpretrain's DataSample."""


@DATASETS.register_module(force=True)
class SquaresDataset(Dataset):
    """Smooth images with a square; the label is the square's colour."""

    metainfo = {'classes': ('red', 'green', 'blue')}

    def __init__(self, length: int = 16, size: int = 32) -> None:
        self.length = length
        self.size = size

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict:
        generator = torch.Generator().manual_seed(index)
        corner = torch.rand(3, 2, 2, generator=generator) * 255
        image = torch.nn.functional.interpolate(
            corner[None], (self.size, self.size), mode='bilinear'
        )[0]
        label = index % 3
        y, x = torch.randint(0, self.size // 2, (2,), generator=generator)
        square = image[:, y : y + self.size // 2, x : x + self.size // 2]
        square[:] = 30
        square[label] = 230
        sample = LabelledSample(metainfo=dict(sample_idx=index))
        sample.gt_label = torch.tensor([label])
        return dict(inputs=image.to(torch.uint8), data_samples=sample)


def loader(length: int, batch_size: int, **kwargs) -> dict:
    """Return the config of a data loader without shuffling."""
    config = dict(
        batch_size=batch_size,
        num_workers=0,
        dataset=dict(type='SquaresDataset', length=length),
        sampler=dict(type='DefaultSampler', shuffle=False),
    )
    config.update(kwargs)
    return config


MODEL = dict(
    type='MaskedImageModel',
    data_preprocessor=dict(
        type='MaskingDataPreprocessor',
        mean=[127.5, 127.5, 127.5],
        std=[64.0, 64.0, 64.0],
        masking=dict(type='RandomMasking', ratio=0.5, cell=8, shared=True),
    ),
    backbone=dict(
        type='MIMSwin',
        arch=dict(embed_dims=8, depths=(1, 1), num_heads=(1, 2)),
        img_size=32,
        patch_size=4,
        window_sizes=(4, 4),
    ),
    neck=dict(
        type='MixMAENeck',
        in_channels=16,
        cell=8,
        decoder=dict(embed_dims=16, depth=1, num_heads=2),
    ),
    head=dict(type='DualReconstructionHead', norm_pixels=True),
)


def tiny_config(work_dir: Path, batch_size: int = 4, counts: int = 2) -> dict:
    """Return a config: tiny MixMAE, three epochs of two updates, validated."""
    runtime = Config.fromfile(ROOT / 'configs/_base_/default_runtime.py')
    config = runtime.to_dict()
    config.update(
        custom_imports=dict(imports=['tests.engine.tiny_run']),
        work_dir=str(work_dir),
        model=copy.deepcopy(MODEL),
        train_dataloader=loader(
            2 * batch_size * counts + 3,
            batch_size,
            sampler=dict(
                type='UpdateSampler',
                batch_size=batch_size,
                accumulative_counts=counts,
            ),
        ),
        val_dataloader=loader(7, 3),
        test_dataloader=loader(7, 3),
        val_evaluator=dict(type='ReconstructionMetric'),
        test_evaluator=dict(type='ReconstructionMetric'),
        train_cfg=dict(type='ResumableTrainLoop', max_epochs=3),
        val_cfg=dict(),
        test_cfg=dict(),
        optim_wrapper=dict(
            type='AutocastOptimWrapper',
            dtype='float32',
            accumulative_counts=counts,
            optimizer=dict(type='AdamW', lr=1e-3),
        ),
        # As in all configs: the second begins after the first.
        param_scheduler=[
            dict(
                type='LinearLR',
                start_factor=0.5,
                end=0.5,
                convert_to_iter_based=True,
            ),
            dict(
                type='CosineAnnealingLR', begin=0.5, convert_to_iter_based=True
            ),
        ],
        auto_scale_lr=dict(base_batch_size=batch_size),
    )
    config['default_hooks']['logger']['interval'] = 1
    config['default_hooks']['checkpoint']['interval'] = 1
    return config


def write_config(path: Path, config: dict) -> Path:
    """Write a config as a Python file."""
    lines = [f'{k} = {pprint.pformat(v)}' for k, v in config.items()]
    path.write_text('\n'.join(lines) + '\n')
    return path
