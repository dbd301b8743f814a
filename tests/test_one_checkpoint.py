"""One pretraining checkpoint in each framework's runner and loader."""

from importlib import import_module
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.checkpoints.io.mmengine_loaders import load_only_safely
from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.datasets.scenes.scene_set import SceneSet
from mixmae.registry import MODELS
from tests.models.parts import random_images

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings('ignore'),
    pytest.mark.usefixtures('full_tier'),
]
CONFIGS = Path(__file__).parents[1] / 'configs'
PRETRAINING = CONFIGS / 'mixmae/swin-mini_scenes-128.py'
# Neither side is a multiple of a patch, a window or the total stride.
ODD = (131, 85)


@pytest.fixture(scope='module')
def scenes(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('data') / 'scenes'
    SceneSet(size=128, train=2, val=1).write(folder)
    return folder


def shortened(path: Path, work_dir: Path, batch_size: int) -> Config:
    """Return a config of one iteration, without worker processes."""
    config = Config.fromfile(path)
    config.work_dir = str(work_dir)
    config.log_level = 'ERROR'
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    config.test_cfg = config.test_dataloader = config.test_evaluator = None
    config.train_dataloader.batch_size = batch_size
    if 'batch_size' in config.train_dataloader.sampler:
        config.train_dataloader.sampler.batch_size = batch_size
    config.train_dataloader.num_workers = 0
    config.train_dataloader.persistent_workers = False
    return config


def run(config: Config) -> None:
    load_only_safely()
    Runner.from_cfg(config).train()


@pytest.fixture(scope='module')
def pretrained(scenes, tmp_path_factory) -> Path:
    """Run a pretraining; return its checkpoint."""
    config = shortened(PRETRAINING, tmp_path_factory.mktemp('pretraining'), 2)
    config.train_dataloader.dataset.data_root = str(scenes / 'imagenet')
    config.train_cfg.max_epochs = 1
    config.default_hooks.checkpoint.interval = 1
    config.custom_hooks = []
    run(config)
    return Path(config.work_dir) / 'epoch_1.pth'


@pytest.fixture(scope='module')
def wanted(pretrained) -> torch.Tensor:
    """Return features of the pretraining network, loaded key by key."""
    config = Config.fromfile(PRETRAINING)
    model = MODELS.build(config.model)
    model.load_state_dict(safe_load(pretrained)['state_dict'])
    return model.eval().backbone(random_images(1, *ODD))[0]


def last_map(model: torch.nn.Module) -> torch.Tensor:
    return model.eval().backbone(random_images(1, *ODD))[-1]


@pytest.mark.parametrize(
    ('package', 'layout', 'path', 'loader'),
    [
        (
            'mmpretrain',
            'imagenet',
            'classification/swin-mini-finetune_scenes-128.py',
            'get_model',
        ),
        (
            'mmdet',
            'coco',
            'detection/mask-rcnn_swin-mini_scenes-128.py',
            'init_detector',
        ),
        (
            'mmseg',
            'ade',
            'segmentation/upernet_swin-mini_scenes-128.py',
            'init_model',
        ),
    ],
)
def test_features_are_bit_equal(
    scenes, pretrained, wanted, tmp_path, package, layout, path, loader
):
    """After training with a frozen backbone, and when loaded directly."""
    config = shortened(CONFIGS / path, tmp_path, 2)
    config.train_dataloader.dataset.data_root = str(scenes / layout)
    # All two scenes, not a chosen part of thousands.
    config.train_dataloader.dataset.pop('indices', None)
    backbone = config.model.backbone
    backbone.init_cfg.checkpoint = str(pretrained)
    backbone.frozen_stages = len(backbone.arch.depths)
    if 'max_iters' in config.train_cfg:
        config.train_cfg.max_iters = 1
        config.default_hooks.checkpoint.interval = 1
    else:
        config.train_cfg.max_epochs = 1
        config.default_hooks.checkpoint.interval = 1
    run(config)
    (written,) = tmp_path.glob('*_1.pth')

    load = getattr(import_module(f'{package}.apis'), loader)
    # The framework's own file, then the one of the pretraining.
    for checkpoint in (written, pretrained):
        whole = Config.fromfile(CONFIGS / path)
        model = load(whole, str(checkpoint), device='cpu')
        assert torch.equal(last_map(model), wanted), checkpoint.name
