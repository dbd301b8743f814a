"""Training on a few numbers with a plain MMEngine setup."""

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import HOOKS, MODELS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import nn
from torch.utils.data import Dataset

from mixmae.registry import DATASETS


@MODELS.register_module(force=True)
class NumbersModel(BaseModel):
    """Model with parameters and running statistics.

    Args:
        factor: Of the loss.
    """

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor
        self.norm = nn.BatchNorm1d(2)
        self.out = nn.Linear(2, 1)

    def forward(
        self, inputs: Any, data_samples: Any = None, mode: str = 'loss'
    ) -> dict:
        found = self.out(self.norm(inputs))
        error = (found - inputs[:, :1]).square().mean()
        return dict(loss=self.factor * error)


@DATASETS.register_module(force=True)
class NumbersDataset(Dataset):
    """Data set of 24 number pairs with names of missing files."""

    def __len__(self) -> int:
        return 24

    def __getitem__(self, index: int) -> dict:
        generator = torch.Generator().manual_seed(int(index))
        sample = BaseDataElement(metainfo=dict(img_path=f'{index}.jpg'))
        inputs = torch.randn(2, generator=generator)
        return dict(inputs=inputs, data_samples=sample)


@HOOKS.register_module(force=True)
class CPUScalerHook(Hook):
    """Scales losses on a CPU, as float16 needs it on CUDA."""

    def before_run(self, runner: Runner) -> None:
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        # Float32 holds up to 2**128.
        runner.optim_wrapper.loss_scaler = torch.amp.GradScaler(
            'cpu', init_scale=2.0**127, growth_interval=2
        )


def numbers_config(work_dir: Path, *hooks: dict, **changes: Any) -> Config:
    """Two epochs of three updates of two micro-iterations each.

    Args:
        work_dir: Of the run.
        hooks: Further ones.
        changes: Of settings: whole ones, or (``'a.b'``) parts of them.
    """
    batch = dict(batch_size=4, accumulative_counts=2)
    checkpoint = dict(by_epoch=False, interval=2, max_keep_ckpts=-1)
    config = Config(
        dict(
            default_scope='mmengine',
            model=dict(type='NumbersModel'),
            work_dir=str(work_dir),
            experiment_name=f'{work_dir.parent.name}_{work_dir.name}',
            custom_imports=dict(imports=['tests.engine.numbers_run']),
            train_dataloader=dict(
                batch_size=4,
                num_workers=0,
                collate_fn=dict(type='default_collate'),
                dataset=dict(type='mixmae.NumbersDataset'),
                sampler=dict(type='mixmae.UpdateSampler', **batch),
            ),
            train_cfg=dict(type='mixmae.ResumableTrainLoop', max_epochs=2),
            optim_wrapper=dict(
                type='mixmae.AutocastOptimWrapper',
                dtype='float32',
                accumulative_counts=2,
                optimizer=dict(type='AdamW', lr=0.1),
            ),
            param_scheduler=[dict(type='PolyLR', by_epoch=False, end=12)],
            default_hooks=dict(
                logger=dict(type='LoggerHook', interval=2),
                checkpoint=dict(
                    type='mixmae.DurableCheckpointHook', **checkpoint
                ),
                interrupt=dict(type='mixmae.InterruptHook'),
                step_seed=dict(type='mixmae.StepSeedHook'),
                finite_guard=dict(type='mixmae.FiniteGuardHook', max_skips=5),
            ),
            custom_hooks=list(hooks),
            log_level='WARNING',
            randomness=dict(seed=0),
        )
    )
    for key, value in changes.items():
        if '.' in key:
            config.merge_from_dict({key: value})
        else:
            config[key] = value
    return config


def train_numbers(work_dir: Path, *hooks: dict, **changes: Any) -> Runner:
    """Train ``numbers_config``."""
    runner = Runner.from_cfg(numbers_config(work_dir, *hooks, **changes))
    runner.train()
    return runner


def written(work_dir: Path, name: str = 'iter_12.pth') -> dict:
    """Return the content of a checkpoint."""
    return torch.load(work_dir / name, weights_only=False)


def assert_same_state(one: dict, other: dict) -> None:
    """Assert that two checkpoints agree bit by bit in all training state."""
    keys = ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers')
    for key in keys:
        assert_equal(one.get(key), other.get(key), key)


def assert_equal(one: Any, other: Any, place: str = '') -> None:
    """Assert equal nested content, tensors bit by bit (NaN is not allowed)."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), place
        for key in one:
            assert_equal(one[key], other[key], f'{place}.{key}')
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), place
        for index, pair in enumerate(zip(one, other, strict=True)):
            assert_equal(*pair, f'{place}.{index}')
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), place
    else:
        assert one == other, place
