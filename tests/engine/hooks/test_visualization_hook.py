"""Pictures of a test."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import BaseDataElement
from torch import nn

from mixmae.engine.hooks import ClassPictureHook
from mixmae.engine.hooks.visualization_hook import (
    ARTISTS,
    draw_predictions,
    framework_of,
)


def config(scope: str = 'mmdet', **others: object) -> Config:
    model = dict(type='Net')
    return Config(dict(default_scope=scope, model=model, **others))


def test_the_scope_of_the_model_decides():
    for name in ARTISTS:
        assert framework_of(config(name)) == name
    assert framework_of(config('mixmae')) is None
    foreign = config('mixmae')
    foreign.model.type = 'mmpretrain.ImageClassifier'
    assert framework_of(foreign) == 'mmpretrain'
    inherited = config('mixmae')
    inherited.model._scope_ = 'mmseg'
    assert framework_of(inherited) == 'mmseg'


def test_each_framework_draws_every_image_into_the_folder(tmp_path):
    for name, artist in ARTISTS.items():
        cfg = config(name)
        draw_predictions(cfg, tmp_path)
        hook = cfg.default_hooks.visualization
        assert hook.type == artist.hook
        assert hook.get('draw') or hook.folder == str(tmp_path)
        assert cfg.visualizer.type == artist.visualizer
        assert cfg.visualizer.save_dir == str(tmp_path)


def test_settings_of_the_config_are_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cfg = config(
        visualizer=dict(type='DetLocalVisualizer', line_width=1),
        default_hooks=dict(
            logger=dict(type='LoggerHook'),
            visualization=dict(type='DetVisualizationHook', score_thr=0.5),
        ),
    )
    draw_predictions(cfg, Path('shown'))
    assert cfg.visualizer.line_width == 1
    assert cfg.default_hooks.logger.type == 'LoggerHook'
    hook = cfg.default_hooks.visualization
    assert hook.score_thr == 0.5 and hook.draw
    # mmdet joins a relative folder to itself at every batch.
    assert hook.test_out_dir == str(tmp_path / 'shown')


def test_parts_of_another_framework_are_replaced(tmp_path):
    cfg = config(
        visualizer=dict(type='UniversalVisualizer', vis_backends=[]),
        default_hooks=dict(
            visualization=dict(type='VisualizationHook', enable=False)
        ),
    )
    draw_predictions(cfg, tmp_path)
    assert cfg.visualizer.type == 'mmdet.DetLocalVisualizer'
    hook = cfg.default_hooks.visualization
    assert hook.type == 'mmdet.DetVisualizationHook'
    assert 'enable' not in hook


def test_a_model_of_no_framework_is_refused(tmp_path):
    with pytest.raises(ValueError, match='nothing to draw for .* Net: '):
        draw_predictions(config('mmpose'), tmp_path)


class Visualizer:
    """Visualizer that records its inputs."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []

    def visualize_cls(self, image, sample, resize, out_file) -> None:
        self.calls.append((image, sample, resize, out_file))


def runner(to_rgb: bool) -> SimpleNamespace:
    model = nn.Identity()
    model.data_preprocessor = SimpleNamespace(to_rgb=to_rgb)
    return SimpleNamespace(model=model, visualizer=Visualizer())


@pytest.mark.parametrize('to_rgb', [False, True])
def test_images_are_rgb_and_have_unique_names(to_rgb, tmp_path):
    hook = ClassPictureHook(str(tmp_path / 'shown'), short_side=99)
    test = runner(to_rgb)
    images = torch.arange(2 * 3 * 4 * 5, dtype=torch.uint8).view(2, 3, 4, 5)
    samples = [
        BaseDataElement(metainfo={'img_path': f'/{folder}/0001.JPEG'})
        for folder in ('n01', 'n02')
    ]
    hook.before_test_epoch(test)
    hook.after_test_iter(test, 0, {'inputs': images}, samples)
    hook.after_test_iter(test, 1, {'inputs': [images[0]]}, samples[:1])
    calls = test.visualizer.calls
    names = [f'{i:06d}_0001.png' for i in range(3)]
    assert [call[3] for call in calls] == [
        str(tmp_path / 'shown' / name) for name in names
    ]
    order = [2, 1, 0] if to_rgb else [0, 1, 2]
    expected = images[1].permute(1, 2, 0).numpy()[..., order]
    np.testing.assert_array_equal(calls[1][0], expected)
    assert calls[1][1] is samples[1] and calls[1][2] == 99
    assert (tmp_path / 'shown').is_dir()


def test_images_have_a_minimum_size():
    with pytest.raises(ValueError, match='short_side must be at least 1'):
        ClassPictureHook('shown', short_side=0)
