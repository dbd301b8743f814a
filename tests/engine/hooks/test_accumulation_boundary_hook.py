import copy

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from tests.engine.tiny_run import tiny_config


def train(config: dict, name: str) -> None:
    config = copy.deepcopy(config)
    config['experiment_name'] = name
    config['log_level'] = 'ERROR'
    Runner.from_cfg(Config(config)).train()


def test_disagreements_stop_the_run_before_it_starts(tmp_path, request):
    good = tiny_config(tmp_path)
    name = request.node.name

    config = copy.deepcopy(good)
    config['train_dataloader']['sampler']['batch_size'] = 2
    with pytest.raises(ValueError, match='batch_size=4, .* batch_size=2'):
        train(config, name + '1')

    config = copy.deepcopy(good)
    config['train_dataloader']['sampler'] = dict(type='DefaultSampler')
    with pytest.raises(ValueError, match='5 micro-iterations, not a mult'):
        train(config, name + '2')

    config = copy.deepcopy(good)
    checkpoint = dict(type='CheckpointHook', by_epoch=False, interval=3)
    config['default_hooks']['checkpoint'] = checkpoint
    with pytest.raises(ValueError, match='every 3 micro-iterations'):
        train(config, name + '3')

    config = copy.deepcopy(good)
    config['train_cfg'] = dict(by_epoch=False, max_iters=5)
    config['param_scheduler'] = None
    with pytest.raises(ValueError, match='max_iters has 5'):
        train(config, name + '4')
    assert not list(tmp_path.glob('*.pth'))


def test_an_agreeing_config_trains(tmp_path, request):
    config = tiny_config(tmp_path)
    config['train_cfg']['max_epochs'] = 1
    config['default_hooks']['checkpoint'].update(by_epoch=False, interval=2)
    train(config, request.node.name)
    assert (tmp_path / 'iter_2.pth').is_file()
