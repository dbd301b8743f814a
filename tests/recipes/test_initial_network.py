"""Initial network of a fine-tuning."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mixmae.checkpoints.conversion.conversion import read_source
from mixmae.checkpoints.conversion.timm_swin import to_timm
from mixmae.checkpoints.loading.backbone_state import load_pretrained
from mixmae.recipes.initial_network import initial_network
from mixmae.registry import MODELS

NETWORK = dict(
    type='MIMSwin',
    arch=dict(embed_dims=32, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8)),
    img_size=32,
    patch_size=4,
    window_sizes=(4, 4, 2, 1),
)


def saved(path: Path, **settings: object) -> torch.nn.Module:
    """Write a pretraining checkpoint with its config."""
    config = {**NETWORK, **settings}
    torch.manual_seed(0)
    backbone = MODELS.build(config)
    state = {f'backbone.{k}': v for k, v in backbone.state_dict().items()}
    norm = dict(mean=[1.0, 2, 3], std=[4.0, 5, 6], channel_order='RGB')
    model = dict(
        backbone={**config, 'drop_path_rate': 0.3, 'frozen_stages': 2},
        data_preprocessor=norm,
    )
    torch.save({'state_dict': state, 'meta': {'model': model}}, path)
    return backbone


def test_a_checkpoint_of_ours(tmp_path: Path) -> None:
    saved(tmp_path / 'epoch_1.pth')
    found = initial_network(tmp_path / 'epoch_1.pth', tmp_path / 'no.pth')
    # The settings of the task that it was trained for are not kept.
    assert found.backbone == {**NETWORK, 'type': 'mixmae.MIMSwin'}
    assert found.channels == [32, 64, 128, 256] and found.is_small
    assert (found.mean, found.std) == ([1, 2, 3], [4, 5, 6])
    assert found.checkpoint == str(tmp_path / 'epoch_1.pth')
    assert not (tmp_path / 'no.pth').exists()


def test_another_code_base_is_detected_and_converted(tmp_path: Path) -> None:
    plain = dict(shift=True, absolute_positions=False)
    original = saved(tmp_path / 'ours.pth', **plain)
    done = to_timm(read_source(tmp_path / 'ours.pth'))
    torch.save(dict(done.state), tmp_path / 'swin.pth')
    found = initial_network(tmp_path / 'swin.pth', tmp_path / 'init.pth')
    assert 'timm' in found.kind
    assert found.checkpoint == str(tmp_path / 'init.pth')
    backbone = MODELS.build(dict(found.backbone))
    load_pretrained(
        backbone, dict(type='Pretrained', checkpoint=found.checkpoint)
    )
    for key, value in original.state_dict().items():
        assert torch.equal(backbone.state_dict()[key], value), key


def test_unknown_weights(tmp_path: Path) -> None:
    torch.save({'conv1.weight': torch.zeros(1)}, tmp_path / 'resnet.pth')
    with pytest.raises(ValueError, match='of no known code base'):
        initial_network(tmp_path / 'resnet.pth', tmp_path / 'init.pth')
