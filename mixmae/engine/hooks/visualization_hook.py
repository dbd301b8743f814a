"""Pictures of a test (``--show-dir``), drawn by the model's framework.

Those of ``mixmae predict`` are drawn by ``apis/prediction_files``.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement

from mixmae.distributed.process_group import unwrapped
from mixmae.registry import HOOKS
from mixmae.visualization.pictures import loaded_pixels


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


@HOOKS.register_module()
class ClassPictureHook(Hook):
    """Draw label and prediction with mmpretrain's visualizer.

    mmpretrain's own ``VisualizationHook`` passes images on as they were
    loaded. It swaps red and blue if the preprocessor converts BGR to RGB, and
    pictures with the same file name in several class folders overwrite each
    other. With several processes the first one draws its part.

    Args:
        folder: Output folder of the pictures, ``000012_<file name>.png``.
        short_side: Pictures are resized to this short side in pixels, so that
            small images leave room for the text.
    """

    def __init__(self, folder: str, short_side: int = 256) -> None:
        if short_side < 1:
            raise ValueError(
                f'short_side must be at least 1 pixel, got {short_side}'
            )
        self.folder = Path(folder)
        self.short_side = short_side
        self.drawn = 0

    def before_test_epoch(self, runner: Runner) -> None:
        """Restart the count at 0."""
        self.drawn = 0
        self.folder.mkdir(parents=True, exist_ok=True)

    @master_only
    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[BaseDataElement] | None = None,
    ) -> None:
        """Draw the images of a batch as they entered the preprocessor."""
        preprocessor = unwrapped(runner.model).data_preprocessor
        swapped = getattr(preprocessor, 'to_rgb', False)
        for image, sample in zip(data_batch['inputs'], outputs or []):
            if len(image) != 3:
                pixels = loaded_pixels(image)
            else:
                ordered = image.flip(0) if swapped else image
                pixels = ordered.permute(1, 2, 0).cpu().numpy()
            stem = Path(str(sample.get('img_path', 'image'))).stem
            path = self.folder / f'{self.drawn:06d}_{stem}.png'
            # Replaces a link, but not its target.
            path.unlink(missing_ok=True)
            runner.visualizer.visualize_cls(
                pixels,
                sample,
                resize=self.short_side,
                out_file=str(path),
            )
            self.drawn += 1
