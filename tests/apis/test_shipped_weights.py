"""Weights that come with mixmae."""

import numpy as np
import pytest
import torch
import yaml

from mixmae.apis import ReconstructionInferencer
from mixmae.checkpoints.io.download import PREFIX, weight_files
from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.checkpoints.io.safetensors_file import read_header
from tests.configs.test_configs import CONFIGS, METHODS

FILES = weight_files()


@pytest.mark.parametrize('name', FILES)
def test_small_described_and_listed(name):
    assert FILES[name].stat().st_size < 8e6
    card = read_header(safe_load(FILES[name])['meta'])['card']
    assert {'title', 'data', 'recipe', 'terms', 'figures'} <= set(card)
    config = next(path for path in CONFIGS if path.stem == name)
    assert config.parent.name in METHODS and str(config.name) in card['recipe']
    metafile = yaml.safe_load((config.parent / 'metafile.yml').read_text())
    named = [row.get('Named Weights') for row in metafile['Models']]
    assert f'{PREFIX}{name}' in named


@pytest.mark.parametrize('name', FILES)
def test_figures_are_better_than_mean_colours(name):
    """On the held-out images of its own data."""
    card = read_header(safe_load(FILES[name])['meta'])['card']
    assert (
        card['figures']['held-out error over that of mean-color filling'] < 1
    )


@pytest.mark.parametrize('name', FILES)
def test_it_predicts_better_than_without_training(name):
    """On soft shapes, which are neither scenes nor photographs."""
    infer = ReconstructionInferencer(checkpoint=f'{PREFIX}{name}')
    size = read_header(safe_load(FILES[name])['meta'])['backbone']['img_size']
    side = size if isinstance(size, int) else size[0]
    rows, columns = np.mgrid[:side, :side] / side
    images = [
        np.stack(
            [
                127 + 100 * np.sin(k * rows + c + k * columns)
                for c in (0, 1, 2)
            ],
            -1,
        )
        for k in (3, 5, 7, 9)
    ]
    array = np.stack(images).astype(np.uint8)
    trained = infer(array, resize=None, channel_order='rgb')
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for module in infer.model.modules():
            if hasattr(module, 'reset_parameters'):
                module.reset_parameters()
    untrained = infer(array, resize=None, channel_order='rgb')
    losses = [sum(r['loss'] for r in rs) for rs in (trained, untrained)]
    assert losses[0] < 0.5 * losses[1], losses
