import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mixmae.models.layers.position_bias import resize_table
from mixmae.registry import MODELS
from tests.golden import formula
from tests.models.test_golden_mixmim import build

# Each starts Python and imports torch.
pytestmark = pytest.mark.slow
TOOL = 'tools/model_converters/official_to_mixmae.py'
ROOT = Path(__file__).parents[2]


def run(source, target, *options):
    command = [sys.executable, str(ROOT / TOOL), str(source), str(target)]
    command += options
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def official() -> dict:
    golden = formula.figures('mixmim')
    state = {
        name: value.float()
        for name, value in formula.weights(golden['parameters']).items()
    }
    state['absolute_pos_embed'] = torch.zeros(1, 3136, 16)
    state['decoder_pos_embed'] = torch.zeros(1, 49, 64)
    index = 'layers.0.blocks.0.attn.relative_position_index'
    state[index] = torch.zeros(196, 196).long()
    return state


@pytest.mark.parametrize('wrapped', [True, False])
def test_converts_a_pretraining_checkpoint(tmp_path, wrapped):
    source, target = tmp_path / 'in.pth', tmp_path / 'deep' / 'out.pth'
    torch.save({'model': official()} if wrapped else official(), source)
    done = run(source, target)
    assert done.returncode == 0, done.stderr
    assert 'taken       mask_token -> neck.mask_token' in done.stdout
    assert 'dropped     absolute_pos_embed (frozen' in done.stdout
    assert '0 unexpected, 0 missing' in done.stdout
    state = torch.load(target, weights_only=True)['state_dict']
    model = build().float()
    assert {k: v.shape for k, v in model.state_dict().items()} == {
        k: v.shape for k, v in state.items()
    }
    wanted = model.state_dict()
    assert all(torch.equal(state[key], wanted[key]) for key in wanted)


def test_resizes_for_other_windows(tmp_path):
    source, target = tmp_path / 'in.pth', tmp_path / 'out.pth'
    torch.save(official(), source)
    windows = ['--window-sizes', '16', '14', '24', '12']
    done = run(source, target, *windows)
    assert done.returncode == 0, done.stderr
    key = 'backbone.stages.0.blocks.0.attn.position_bias.table'
    assert f'resized     {key} (729, 1) -> (961, 1)' in done.stdout
    assert '4 of them resized' in done.stdout
    state = torch.load(target, weights_only=True)['state_dict']
    wanted = resize_table(
        official()['layers.0.blocks.0.attn.relative_position_bias_table'],
        16,
    )
    assert torch.equal(state[key], wanted)
    refused = run(source, tmp_path / 'other.pth', *windows[:3])
    assert refused.returncode == 2
    assert 'each of the 4 stages' in refused.stderr


def test_converts_a_finetuning_checkpoint(tmp_path):
    source, target = tmp_path / 'in.pth', tmp_path / 'out.pth'
    state = {
        key: value
        for key, value in official().items()
        if 'decoder' not in key and key != 'mask_token'
    }
    state.update({'head.weight': torch.ones(3), 'head.bias': torch.ones(3)})
    torch.save({'model': state}, source)
    done = run(source, target)
    assert done.returncode == 0, done.stderr
    assert 'dropped     head.weight (ImageNet classifier)' in done.stdout


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda s: s.update(surprise=torch.ones(1)), 'unexpected  surprise'),
        (
            lambda s: s.pop('layers.2.blocks.1.mlp.fc1.weight'),
            'missing     backbone.stages.2.blocks.1.mlp.fc1.weight',
        ),
        (
            lambda s: s.update({'norm.weight': torch.ones(7)}),
            'norm3.weight of shape (7,), where (128,) is wanted',
        ),
    ],
)
def test_keys_that_do_not_fit(tmp_path, spoil, message):
    source, target = tmp_path / 'in.pth', tmp_path / 'out.pth'
    state = official()
    spoil(state)
    torch.save(state, source)
    done = run(source, target)
    assert done.returncode == 2
    assert message in done.stdout
    assert 'nothing written' in done.stderr
    assert not target.exists()


@pytest.mark.parametrize('content', [{'model': {'x': torch.ones(1)}}, {}])
def test_another_kind_of_file(tmp_path, content):
    source = tmp_path / 'in.pth'
    torch.save(content, source)
    done = run(source, tmp_path / 'out.pth')
    assert done.returncode == 2
    assert done.stderr.startswith('error: not an official MixMIM')
    assert 'Traceback' not in done.stderr


def test_a_converted_base_network_has_the_official_size():
    """The converter's own network, read off shapes alone."""
    with torch.device('meta'):
        model = MODELS.build({'type': 'MIMSwin', 'arch': 'mixmim-b'})
    assert sum(p.numel() for p in model.parameters()) == 86_917_944
