import json

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.engine.hooks.report_hook import ReportHook
from tests.engine.tiny_run import tiny_config


def train(folder, name, hook=None):
    """Train the tiny config; return the final weights."""
    config = tiny_config(folder)
    config['experiment_name'] = f'{name} {folder.name}'
    config['custom_hooks'] = [hook] if hook else []
    config['log_level'] = 'ERROR'
    runner = Runner.from_cfg(Config(config))
    runner.train()
    return runner


def test_parts_of_every_validation(tmp_path, request):
    runner = train(
        tmp_path, request.node.name, dict(type='ReportHook', num_images=3)
    )
    assert (tmp_path / 'report.html').is_file()
    files = sorted((tmp_path / 'report').glob('reconstructions_*.json'))
    parts = [json.loads(file.read_text())['content'] for file in files]
    assert [part['step'] for part in parts] == [1, 2, 3]
    assert parts[-1]['step'] == runner.epoch
    for part in parts:
        assert len(part['images']) == 3
        assert set(part['titles']) < set(part['images'][0])
    # Same images, same masks.
    assert len({part['images'][0]['input'] for part in parts}) == 1


def test_does_not_change_the_training(tmp_path, request):
    plain = train(tmp_path / 'plain', request.node.name)
    shown = train(
        tmp_path / 'shown', request.node.name, dict(type='ReportHook')
    )
    states = (r.model.state_dict() for r in (plain, shown))
    for one, other in zip(*(state.values() for state in states)):
        assert torch.equal(one, other)


def test_a_page_that_cannot_be_written_is_a_warning(tmp_path, request):
    (tmp_path / 'report').write_text('a file')
    (tmp_path / 'report.html').mkdir()
    runner = train(tmp_path, request.node.name, dict(type='ReportHook'))
    assert runner.epoch == runner.max_epochs


@pytest.mark.parametrize('setting', [{'num_images': 0}, {'num_features': -1}])
def test_refuses_numbers_out_of_range(setting):
    with pytest.raises(ValueError, match='ReportHook must be at least 1'):
        ReportHook(**setting)
