import json

import pytest
import torch
from mmengine.config import Config
from safetensors.torch import save_file

from mixmae.registry import MODELS
from tests.models.parts import TINY, random_images, tiny_model

LIKE_A_RUN = 'cfg'
LIKE_A_CONVERTER = 'model'


def written(path, how: str, **changes) -> dict:
    """Write a checkpoint that records the arguments of its backbone."""
    model = {'backbone': {**TINY, **changes}}
    meta = {
        LIKE_A_RUN: {'cfg': Config({'model': model}).pretty_text},
        LIKE_A_CONVERTER: {'model': model},
    }[how]
    torch.save({'state_dict': tiny_model().state_dict(), 'meta': meta}, path)
    return {'type': 'Pretrained', 'checkpoint': str(path)}


def loaded(init_cfg: dict, **changes):
    backbone = MODELS.build({**TINY, **changes, 'init_cfg': init_cfg})
    backbone.init_weights()
    return backbone.eval()


@pytest.mark.parametrize('how', [LIKE_A_RUN, LIKE_A_CONVERTER])
@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            {'img_size': 128},
            'trained with img_size=64, this MIMSwin has img_size=128',
        ),
        ({'img_size': [64, 128]}, r'has img_size=\[64, 128\]'),
        ({'absolute_positions': False}, 'absolute_positions=True, this'),
        (
            {'norm_eps': 1e-6},
            'norm_eps=1e-05, this MIMSwin has norm_eps=1e-06',
        ),
    ],
)
def test_another_network_of_the_same_shapes_is_refused(
    tmp_path, how, changes, message
):
    init_cfg = written(tmp_path / 'a.pth', how)
    with pytest.raises(ValueError, match=f'a.pth.*{message}'):
        loaded(init_cfg, **changes)


def test_unrecorded_defaults_are_compared(tmp_path):
    init_cfg = written(
        tmp_path / 'a.pth', LIKE_A_RUN, absolute_positions=False
    )
    with pytest.raises(ValueError, match='absolute_positions=False, this'):
        loaded(init_cfg)


def test_allowed_differences_are_named(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(
        'mixmae.checkpoints.loading.backbone_state.print_log',
        lambda text, *_: lines.append(text),
    )
    init_cfg = written(tmp_path / 'a.pth', LIKE_A_RUN)
    loaded(init_cfg, shift=True, img_size=(64, 64), drop_path_rate=0.1)
    assert lines[0].endswith('; not as trained: shift False -> True')
    loaded(init_cfg)
    assert 'not as trained' not in lines[1]


def test_positions_computed_again_are_of_no_size(tmp_path):
    init_cfg = written(tmp_path / 'a.pth', LIKE_A_RUN)
    images = random_images(1, 96, 64)
    maps = [
        loaded(init_cfg, img_size=size, position_resize='sincos')(images)[0]
        for size in (64, 128)
    ]
    assert torch.equal(*maps)


def test_a_safetensors_header_is_read(tmp_path):
    header = {
        'backbone': json.dumps({**TINY, 'type': 'mixmae.MIMSwin'}),
        'format_version': '1',
    }
    path = tmp_path / 'a.safetensors'
    save_file(tiny_model().backbone.state_dict(), path, header)
    init_cfg = {'type': 'Pretrained', 'checkpoint': str(path)}
    loaded(init_cfg)
    with pytest.raises(ValueError, match='img_size=64, this'):
        loaded(init_cfg, img_size=32)


@pytest.mark.parametrize('cfg', ['import os', 'x = (', 'model = open("x")'])
def test_invalid_configs_are_ignored(tmp_path, cfg):
    path = tmp_path / 'a.pth'
    state = tiny_model().state_dict()
    torch.save({'state_dict': state, 'meta': {'cfg': cfg}}, path)
    loaded({'type': 'Pretrained', 'checkpoint': str(path)}, img_size=128)
