"""Predictions drawn by the framework that the model belongs to."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config


class Artist(NamedTuple):
    """What draws the predictions of one framework.

    Attributes:
        visualizer: its class of visualizers.
        hook: its hook, which is idle by default.
        switch: the hook's settings that make it draw into a folder.
    """

    visualizer: str
    hook: str
    switch: Callable[[str], dict]


ARTISTS = {
    # A relative folder would be joined to itself once per batch.
    'mmdet': Artist(
        'DetLocalVisualizer',
        'DetVisualizationHook',
        lambda folder: {'draw': True, 'test_out_dir': folder},
    ),
    # Its hook knows no folder: pictures go where the visualizer writes.
    'mmseg': Artist(
        'SegLocalVisualizer',
        'SegVisualizationHook',
        lambda folder: {'draw': True},
    ),
    'mmpretrain': Artist(
        'UniversalVisualizer',
        'VisualizationHook',
        lambda folder: {'enable': True, 'interval': 1, 'out_dir': folder},
    ),
}


def framework_of(cfg: Config) -> str | None:
    """Which of ``ARTISTS`` draws for a config's model; None if none does.

    The scope of the model's type, else the config's default.
    """
    scope, _, _ = str(cfg.model.get('type', '')).rpartition('.')
    scope = scope or cfg.model.get('_scope_') or cfg.get('default_scope')
    return scope if scope in ARTISTS else None


def draw_predictions(cfg: Config, folder: Path) -> None:
    """Make a test of this config draw every image's prediction.

    Visualizer and hook of the config are kept, with their settings, if they
    are the framework's own.

    Args:
        cfg: its ``visualizer`` and ``default_hooks`` are changed.
        folder: where pictures go, mmseg's to ``vis_data/vis_image`` in it.

    Raises:
        ValueError: the model is of no framework that draws.
    """
    framework = framework_of(cfg)
    if framework is None:
        raise ValueError(
            f'there is nothing to draw for a model of type '
            f'{cfg.model.get("type")}: it neither reconstructs hidden cells '
            f'nor belongs to {", ".join(ARTISTS)}'
        )
    artist = ARTISTS[framework]
    path = str(folder.resolve())
    visualizer = dict(cfg.get('visualizer') or {})
    if str(visualizer.get('type')).split('.')[-1] != artist.visualizer:
        visualizer = {'type': f'{framework}.{artist.visualizer}'}
    visualizer.setdefault('vis_backends', [{'type': 'LocalVisBackend'}])
    visualizer['save_dir'] = path
    # Visualizers of one name are one object, that of an earlier test too.
    visualizer['name'] = f'predictions in {path}'
    cfg.visualizer = visualizer

    hooks = dict(cfg.get('default_hooks') or {})
    hook = dict(hooks.get('visualization') or {})
    if str(hook.get('type')).split('.')[-1] != artist.hook:
        hook = {'type': f'{framework}.{artist.hook}'}
    hooks['visualization'] = {**hook, **artist.switch(path)}
    cfg.default_hooks = hooks
