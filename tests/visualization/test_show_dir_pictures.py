from pathlib import Path

import pytest
from mmengine.config import Config

from mixmae.visualization.show_dir_pictures import (
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
