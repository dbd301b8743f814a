"""Masks of every method in a viewer, and images of other channels."""

import copy

import numpy as np
import pytest
import tifffile
import torch

from mixmae.viewer.viewed_pretraining import ViewedPretraining
from tests.apis.tiny_setup import PIPELINE, tiny_checkpoint, tiny_config
from tests.models.pairs import pair_config


def viewed(folder, backbone, method, channels=3, size=128):
    """A viewed network with random weights."""
    statistics = {'mean': [100.0] * channels, 'std': [50.0] * channels}
    model = pair_config(
        backbone,
        method,
        backbone={'in_channels': channels},
        preprocessor=statistics,
    )
    pipeline = copy.deepcopy(PIPELINE)
    pipeline[0]['channels'] = channels
    pipeline[1]['scale'] = pipeline[2]['crop_size'] = size
    dataset = dict(type='UnlabeledImageFolder', pipeline=pipeline)
    cfg = tiny_config(model=model, test_dataloader=dict(dataset=dataset))
    path = tiny_checkpoint(folder / f'{method}.pth', cfg)
    return ViewedPretraining(path, 'cpu')


def random_image(channels=3, size=128):
    generator = torch.Generator().manual_seed(0)
    shape = (channels, size, size)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def test_um_mae_keeps_the_chosen_cell_of_each_block(tmp_path):
    network = viewed(tmp_path, 'log-swin', 'um-mae')
    assert network.about()['by_hand'] == 'block'
    image = random_image()
    hidden = torch.ones(8, 8, dtype=torch.bool)
    hidden[1::2, ::2] = False
    mask = network.mask(image, 3, hidden=hidden.tolist())
    assert torch.equal(mask.hidden[0], hidden)
    drawn = network.mask(image, 3)
    # Mask tokens stand in visible cells, in the blocks of the drawn mask.
    assert not (mask.secondary & mask.hidden).any()
    blocks = [
        one.secondary[0].unflatten(0, (4, 2)).unflatten(2, (4, 2))
        for one in (mask, drawn)
    ]
    assert torch.equal(blocks[0].any(3).any(1), blocks[1].any(3).any(1))
    found = network.predict(image, image, mask)
    assert found['hidden'] == hidden.int().tolist()
    hidden[0, 0] = False
    with pytest.raises(ValueError, match='one cell of each 2x2'):
        network.mask(image, 3, hidden=hidden.tolist())


@pytest.mark.parametrize('method', ['mixmae', 'simmim'])
def test_cells_by_hand(tmp_path, method):
    network = viewed(tmp_path, 'swin', method)
    image = random_image()
    hidden = [[True] + [False] * 3] + [[False] * 4] * 3
    mask = network.mask(image, 0, hidden=hidden)
    assert mask.hidden[0].tolist() == hidden
    for wrong in ([[True] * 4] * 4, [[False] * 4] * 4, [[True, False]]):
        with pytest.raises(ValueError):
            network.mask(image, 0, hidden=wrong)
    # The ratio is that of the network unless one is given.
    shares = [
        float(network.mask(image, 0, ratio).hidden.float().mean())
        for ratio in (None, 0.25)
    ]
    assert shares == [0.5 if method == 'mixmae' else 0.625, 0.25]


def test_images_of_twelve_channels(tmp_path):
    network = viewed(tmp_path, 'swin', 'mixmae', channels=12)
    path = tmp_path / 'a.tif'
    pixels = np.random.default_rng(0).integers(0, 256, (140, 150, 12))
    tifffile.imwrite(
        path,
        pixels.astype(np.uint8),
        photometric='minisblack',
        planarconfig='contig',
    )
    image = network.load(path)
    assert image.shape == (12, 128, 128)
    assert network.thumbnail(path).size == (96, 90)
    found = network.predict(image, image, network.mask(image, 0))
    assert set(found['views']) == set(found['titles'])
    assert network.similarity(image, 0.5, 0.5)['original'].startswith('data:')


def test_a_diverged_network_is_one_line(tmp_path):
    network = viewed(tmp_path, 'swin', 'mixmae')
    image = random_image()
    with torch.no_grad():
        next(network.model.backbone.parameters()).fill_(torch.nan)
    mask = network.mask(image, 0)
    for ask in (
        lambda: network.predict(image, image, mask),
        lambda: network.similarity(image, 0.5, 0.5),
        lambda: network.embedding(image),
    ):
        with pytest.raises(ValueError, match='not finite'):
            ask()
