"""Named networks, and the parts of each method for them."""

import pytest
import torch

from mixmae.recipes.methods import METHODS
from mixmae.recipes.networks import (
    NETWORKS,
    named_network,
    patch_size,
    window,
)
from mixmae.registry import MODELS

# One of each family, the smallest.
SMALLEST = ('swin-mini', 'pvt-tiny', 'twins-svt-small', 'vit-tiny')
REFUSED = {('mixmae', 'vit'), ('um-mae', 'twins')}


def model(method, network, size):
    """Return the pretraining model on the meta device."""
    patch = patch_size(network, size)
    parts = METHODS[method].build(network, size, patch)
    backbone = dict(parts.network)
    if 'img_size' in backbone:
        backbone['img_size'] = size
    config = dict(
        type='MaskedImageModel',
        data_preprocessor=dict(
            type='MaskingDataPreprocessor',
            mean=[0.0] * 3,
            std=[1.0] * 3,
            masking=parts.masking,
        ),
        backbone=backbone,
        neck=parts.neck,
        head=parts.head,
    )
    with torch.device('meta'):
        return MODELS.build(config)


@pytest.mark.parametrize('name', NETWORKS)
def test_widths_are_those_of_the_network(name):
    network = NETWORKS[name]
    built = model('simmim', network, 192).backbone
    features = built.num_features
    assert (features[0], features[-1]) == network.widths


@pytest.mark.parametrize('size', [64, 96, 128, 224, 256])
@pytest.mark.parametrize('name', SMALLEST)
@pytest.mark.parametrize('method', METHODS)
def test_every_method_masks_every_family_at_every_size(method, name, size):
    network = named_network(name)
    if (method, network.family) in REFUSED:
        with pytest.raises(ValueError, match='does not train'):
            METHODS[method].build(network, size, 4)
        return
    unit = METHODS[method].unit(network, patch_size(network, size))
    side = size // unit * unit
    built = model(method, network, side)
    masking = built.data_preprocessor.masking
    mask = masking(2, side, side, torch.Generator().manual_seed(0))
    # At least 4 cells per side, some of them hidden.
    assert mask.hidden.shape[-1] >= 4
    assert 0 < mask.hidden.float().mean() < 1


def test_the_papers_networks_are_those_of_the_configs():
    """Windows, cells and decoders are those in configs/."""
    swin = named_network('swin-b')
    parts = METHODS['mixmae'].build(swin, 224, patch_size(swin, 224))
    assert parts.network['window_sizes'] == (14, 14, 14, 7)
    assert parts.masking['cell'] == 32
    swin = named_network('swin-t')
    parts = METHODS['um-mae'].build(swin, 256, patch_size(swin, 256))
    assert parts.network['window_sizes'] == (8, 8, 8, 8)
    parts = METHODS['simmim'].build(swin, 192, patch_size(swin, 192))
    assert parts.network['window_sizes'] == (6, 6, 6, 6)


def test_windows_divide_their_grid():
    for side in (8, 10, 12, 14, 16, 20, 24, 28, 32):
        assert side % window(side) == 0


@pytest.mark.parametrize(
    ('given', 'full'),
    [('swin-b', 'swin-base'), ('pvt-s', 'pvt-small'), ('vit-l', 'vit-large')],
)
def test_short_names(given, full):
    assert named_network(given).name == full


def test_an_unknown_name_has_a_hint():
    with pytest.raises(ValueError, match='did you mean swin-tiny'):
        named_network('swin-tinny')
