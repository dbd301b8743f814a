"""Pictures of a classifier's predictions, one per test image."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement

from mixmae.distributed.process_group import unwrapped
from mixmae.registry import HOOKS
from mixmae.visualization.shown_bands import loaded_pixels


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
