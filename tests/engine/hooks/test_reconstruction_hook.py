import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.engine.hooks import ReconstructionHook
from tests.engine.tiny_run import tiny_config


def train(config: dict, name: str) -> None:
    config['experiment_name'] = name
    config['log_level'] = 'ERROR'
    Runner.from_cfg(Config(config)).train()


def test_draws_the_same_images_each_time(tmp_path, request):
    config = tiny_config(tmp_path)
    config['optim_wrapper']['optimizer']['lr'] = 0.0
    hook = dict(type='ReconstructionHook', interval=2, num_images=3)
    config['custom_hooks'] = [hook]
    train(config, request.node.name)
    pictures = sorted(tmp_path.glob('*/vis_data/vis_image/*.png'))
    assert [p.name for p in pictures] == [
        'reconstruction_2.png',
        'reconstruction_3.png',
    ]
    first, second = (cv2.imread(str(p)) for p in pictures)
    # Weights do not change at lr 0, so the same images and masks give the same
    # panel.
    assert np.array_equal(first, second)


def test_needs_something_to_show(tmp_path, request):
    config = tiny_config(tmp_path)
    for key in ('val_cfg', 'val_dataloader', 'val_evaluator'):
        config[key] = None
    config['custom_hooks'] = [dict(type='ReconstructionHook')]
    with pytest.raises(ValueError, match='val_dataloader'):
        train(config, request.node.name)
    with pytest.raises(ValueError, match='got 0 and 8'):
        ReconstructionHook(interval=0)
