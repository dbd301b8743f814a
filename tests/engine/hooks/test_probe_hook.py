import json

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.engine.hooks import ProbeHook
from tests.engine.tiny_run import loader, tiny_config


def scalars(work_dir) -> list[dict]:
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


def train(config: dict, name: str) -> Runner:
    config['experiment_name'] = name
    config['log_level'] = 'ERROR'
    runner = Runner.from_cfg(Config(config))
    runner.train()
    return runner


@pytest.mark.slow
def test_probes_without_disturbing_the_training(tmp_path, request):
    name = request.node.name
    train(tiny_config(tmp_path / 'plain'), name + 'a')

    config = tiny_config(tmp_path / 'probed')
    config['custom_hooks'] = [
        dict(
            type='ProbeHook',
            train_dataloader=loader(24, 5),
            val_dataloader=loader(9, 4),
            interval=2,
            k=3,
        )
    ]
    runner = train(config, name + 'b')

    def losses(work_dir):
        return [row['loss'] for row in scalars(work_dir) if 'loss' in row]

    assert losses(tmp_path / 'plain') == losses(tmp_path / 'probed')
    rows = [r for r in scalars(tmp_path / 'probed') if 'probe/knn' in r]
    # After epoch 2, and always after the last.
    assert [row['step'] for row in rows] == [2, 3]
    for row in rows:
        assert 0 <= row['probe/knn'] <= 1
        assert 0 <= row['probe/linear'] <= 1
    assert (
        runner.message_hub.get_scalar('probe/linear').current()
        == (rows[-1]['probe/linear'])
    )


def test_a_bad_interval_is_an_error():
    with pytest.raises(ValueError, match='at least 1 epoch, got 0'):
        ProbeHook({}, {}, interval=0)
