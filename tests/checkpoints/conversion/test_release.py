"""Release of a pretraining as one safetensors file."""

import json

import pytest
import torch

from mixmae.apis import ReconstructionInferencer
from mixmae.checkpoints.conversion.initial_weights import initial_weights
from mixmae.checkpoints.conversion.release import (
    model_card,
    read_card,
    release,
)
from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.checkpoints.io.safetensors_file import read_header
from tests.apis.tiny_setup import tiny_checkpoint

CARD = {'title': 'Tiny | <b>', 'terms': 'none', 'figures': {'kNN': 0.25}}


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    return tiny_checkpoint(tmp_path_factory.mktemp('run') / 'epoch_1.pth')


@pytest.fixture(scope='module')
def released(run):
    out = run.with_name('tiny.safetensors')
    release(run, out, CARD)
    return out


def test_it_reconstructs_like_its_run(run, released):
    image = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    losses = [
        ReconstructionInferencer(checkpoint=path)(
            image, resize=None, channel_order='rgb'
        )[0]
        for path in (run, released)
    ]
    assert losses[0]['loss'] == pytest.approx(losses[1]['loss'], rel=1e-2)
    assert losses[0]['cell'] == losses[1]['cell']


def test_a_run_starts_from_it(run, released):
    of_run, found = (initial_weights(path) for path in (run, released))
    assert json.dumps(found.model) == json.dumps(of_run.model)
    assert found.state.keys() == of_run.state.keys()
    assert all(
        value.dtype == torch.float16
        for value in safe_load(released)['state_dict'].values()
        if value.is_floating_point()
    )


def test_its_card_has_one_line_per_entry(released):
    header = read_header(safe_load(released)['meta'])
    text = model_card(header, 'hf:user/tiny')
    assert '# Tiny \\| &lt;b>\n' in text
    assert '| kNN | 0.25 |' in text and "load_backbone('hf:user/tiny')" in text


@pytest.mark.parametrize(
    ('card', 'problem'),
    [
        ('[]', 'JSON object'),
        ('{', 'not a JSON file'),
        ({'titel': 'x'}, 'titel is unknown'),
        ({'title': 3}, 'title must be text'),
        ({'figures': {'kNN': 'high'}}, 'numbers by name'),
    ],
)
def test_cards_with_other_entries_are_refused(card, problem, tmp_path):
    path = tmp_path / 'card.json'
    path.write_text(card if isinstance(card, str) else json.dumps(card))
    with pytest.raises(ValueError, match=problem):
        release('x.pth', tmp_path / 'x.safetensors', read_card(path))


def test_weights_beyond_half_precision_are_refused(run, tmp_path):
    content = torch.load(run, weights_only=False)
    name = next(key for key in content['state_dict'] if 'backbone' in key)
    content['state_dict'][name].fill_(1e6)
    torch.save(content, tmp_path / 'large.pth')
    with pytest.raises(ValueError, match=f'{name} has values'):
        release(tmp_path / 'large.pth', tmp_path / 'x.safetensors')
    assert not (tmp_path / 'x.safetensors').exists()
