"""Predictions drawn by the framework that the model belongs to."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config


class Artist(NamedTuple):
    """What draws the predictions of one framework.

    Attributes:
        visualizer: type of its visualizers.
        hook: type of the hook that makes them draw.
        switch: the hook's settings that make it draw into a folder.
    """

    visualizer: str
    hook: str
    switch: Callable[[str], dict]


ARTISTS = {
    # A relative folder would be joined to itself once per batch.
    'mmdet': Artist(
        'mmdet.DetLocalVisualizer',
        'mmdet.DetVisualizationHook',
        lambda folder: {'draw': True, 'test_out_dir': folder},
    ),
    # Its hook knows no folder: pictures go where the visualizer writes.
    'mmseg': Artist(
        'mmseg.SegLocalVisualizer',
        'mmseg.SegVisualizationHook',
        lambda folder: {'draw': True},
    ),
    'mmpretrain': Artist(
        'mmpretrain.UniversalVisualizer',
        'mixmae.ClassPictureHook',
        lambda folder: {'folder': folder},
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
    if not _same(visualizer.get('type'), artist.visualizer):
        visualizer = {'type': artist.visualizer}
    visualizer.setdefault('vis_backends', [{'type': 'LocalVisBackend'}])
    visualizer['save_dir'] = path
    # Visualizers of one name are one object, that of an earlier test too.
    visualizer['name'] = f'predictions in {path}'
    cfg.visualizer = visualizer

    hooks = dict(cfg.get('default_hooks') or {})
    hook = dict(hooks.get('visualization') or {})
    if not _same(hook.get('type'), artist.hook):
        hook = {'type': artist.hook}
    hooks['visualization'] = {**hook, **artist.switch(path)}
    cfg.default_hooks = hooks


def _same(one: object, other: str) -> bool:
    """Whether two types are one, but for the scope."""
    return str(one).split('.')[-1] == other.split('.')[-1]
