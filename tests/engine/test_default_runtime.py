import argparse
import re
import shlex
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.config.config_file import apply_options
from mixmae.config.option_values import OptionAction
from tests.engine.tiny_run import tiny_config


def test_tensorboard_works_by_config(tmp_path, request):
    config = tiny_config(tmp_path)
    config['train_cfg']['max_epochs'] = 1
    config['experiment_name'] = request.node.name
    config['log_level'] = 'ERROR'
    config['visualizer']['vis_backends'] = [
        dict(type='LocalVisBackend'),
        dict(type='TensorboardVisBackend'),
    ]
    hook = dict(type='ReconstructionHook', num_images=2)
    config['custom_hooks'] = [hook]
    Runner.from_cfg(Config(config)).train()
    (events,) = tmp_path.rglob('events.out.tfevents.*')
    written = events.read_bytes()
    assert b'loss' in written and b'reconstruction' in written


def test_the_option_in_the_comment_adds_tensorboard():
    configs = Path(__file__).parents[2] / 'configs'
    text = (configs / '_base_/runtime/hooks.py').read_text()
    comment = re.search(r'by --cfg-options\n((?:#   .*\n)+)', text)[1]
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=OptionAction)
    words = shlex.split(comment.replace('#', ' '))
    options = parser.parse_args(['--cfg-options', *words]).cfg_options
    cfg = Config.fromfile(configs / 'mixmae/swin-demo_scenes-64.py')
    backends = apply_options(cfg, options).visualizer.vis_backends
    assert [backend.type for backend in backends] == [
        'LocalVisBackend',
        'TensorboardVisBackend',
    ]
