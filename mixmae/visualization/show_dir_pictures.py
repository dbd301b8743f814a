"""Pictures of a test (``--show-dir``), drawn by the model's framework.

Those of ``mixmae predict`` are drawn by ``apis/prediction_files``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config


class Artist(NamedTuple):
    """Visualizer and hook of one framework.

    Attributes:
        visualizer: Type of its visualizers.
        hook: Type of the hook that calls them.
        switch: Returns the hook's settings for drawing into a folder.
    """

    visualizer: str
    hook: str
    switch: Callable[[str], dict]


ARTISTS = {
    # mmdet would join a relative folder to itself once per batch.
    'mmdet': Artist(
        'mmdet.DetLocalVisualizer',
        'mmdet.DetVisualizationHook',
        lambda folder: {'draw': True, 'test_out_dir': folder},
    ),
    # Its hook has no folder setting: images go to the visualizer's folder.
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
    """Return the key of ``ARTISTS`` for a config's model, None if none.

    It is the scope of the model's type, or the config's default scope.
    """
    scope, _, _ = str(cfg.model.get('type', '')).rpartition('.')
    scope = scope or cfg.model.get('_scope_') or cfg.get('default_scope')
    return scope if scope in ARTISTS else None


def draw_predictions(cfg: Config, folder: Path) -> None:
    """Make a test of this config draw the prediction of every image.

    Visualizer and hook of the config keep their settings if they are the
    framework's own.

    Args:
        cfg: Config; ``visualizer`` and ``default_hooks`` are changed.
        folder: Folder of the images; mmseg writes to ``vis_data/vis_image``
            in it.

    Raises:
        ValueError: The framework of the model has no drawing.
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
    # Visualizers of one name are a single object, shared with earlier tests.
    visualizer['name'] = f'predictions in {path}'
    cfg.visualizer = visualizer

    hooks = dict(cfg.get('default_hooks') or {})
    hook = dict(hooks.get('visualization') or {})
    if not _same(hook.get('type'), artist.hook):
        hook = {'type': artist.hook}
    hooks['visualization'] = {**hook, **artist.switch(path)}
    cfg.default_hooks = hooks


def _same(one: object, other: str) -> bool:
    """Return True if two types are equal except for the scope."""
    return str(one).split('.')[-1] == other.split('.')[-1]
