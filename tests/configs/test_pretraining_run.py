"""The main pretraining recipe in the real runner, on a few images."""

from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

ROOT = Path(__file__).parents[2]
FEW = {
    'train_dataloader.batch_size': 2,
    'train_dataloader.sampler.batch_size': 2,
    'train_dataloader.num_workers': 0,
    'train_dataloader.persistent_workers': False,
    'val_dataloader.batch_size': 2,
    'val_dataloader.num_workers': 0,
    'val_dataloader.persistent_workers': False,
    'train_cfg.max_epochs': 1,
    'log_level': 'ERROR',
    'default_hooks.logger.interval': 1,
    'model.neck.decoder.embed_dims': 32,
    'model.neck.decoder.depth': 1,
    'model.neck.decoder.num_heads': 4,
    'model.neck.in_channels': 64,
    'model.backbone.arch': {
        '_delete_': True,
        'embed_dims': 8,
        'depths': (1, 1, 1, 1),
        'num_heads': (1, 1, 2, 2),
    },
}


@pytest.mark.parametrize('name', ['swin-b_8xb128_600e', 'swin-b_image-folder'])
def test_runs(tmp_path, name):
    """Trains, validates, draws a panel and saves, at a small size."""
    generator = np.random.default_rng(0)
    for split, count in (('train', 9), ('val', 3)):
        folder = tmp_path / 'images' / split / 'n01440764'
        folder.mkdir(parents=True)
        for i in range(count):
            pixels = generator.integers(0, 256, (240, 300, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f'{i}.JPEG')
    config = Config.fromfile(ROOT / f'configs/mixmae/{name}.py')
    data = str(tmp_path / 'images')
    config.merge_from_dict(
        {
            **FEW,
            'work_dir': str(tmp_path / 'run'),
            'experiment_name': f'{name}-{tmp_path.name}',
            'train_dataloader.dataset.data_root': data,
            'val_dataloader.dataset.data_root': data,
            'test_dataloader.dataset.data_root': data,
        }
    )
    runner = Runner.from_cfg(config)
    runner.train()
    accumulation = config.optim_wrapper.accumulative_counts
    # ImageNet's split is a folder; a folder of images is everything below.
    images = 12 if 'folder' in name else 9
    assert runner.iter == images // (2 * accumulation) * accumulation
    hub = runner.message_hub
    loss = hub.get_scalar('val/reconstruction/loss').current()
    assert 0.5 < loss < 2
    assert (tmp_path / 'run' / 'epoch_1.pth').is_file()
    assert list((tmp_path / 'run').rglob('reconstruction_1.png'))
