from mmengine.config import Config
from mmengine.runner import Runner

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
