"""Pictures of reconstructions during a training, and the images they show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mixmae.distributed.process_group import unwrapped
from mixmae.engine.fsdp2 import FullyShardedModel, gathered
from mixmae.engine.hooks.step_seed_hook import preserved_random_state
from mixmae.registry import HOOKS


@HOOKS.register_module()
class ReconstructionHook(Hook):
    """Add a reconstruction panel to the visualizer every few epochs.

    Each panel shows the same images with the same masks, taken at equal
    distances from the validation dataset. The training is not changed.

    Args:
        interval: Epochs between two panels; the last epoch always has one.
        num_images: Number of images in a panel.
        name: Name of the picture in the visualizer.
        bands: Channels that are drawn as red, green and blue, or one as grey;
            None = the first three.
    """

    priority = 'LOW'

    def __init__(
        self,
        interval: int = 10,
        num_images: int = 8,
        name: str = 'reconstruction',
        bands: Sequence[int] | None = None,
    ) -> None:
        if interval < 1 or num_images < 1:
            raise ValueError(
                'interval and num_images of ReconstructionHook must be at '
                f'least 1, got {interval} and {num_images}'
            )
        self.interval = interval
        self.num_images = num_images
        self.name = name
        self.bands = bands

    def before_train(self, runner: Runner) -> None:
        """Fail before the first epoch if there is nothing to show."""
        if runner.val_loop is None:
            raise ValueError(
                'ReconstructionHook draws images of the val_dataloader, but '
                'the config has none; add one or remove the hook'
            )

    def after_train_epoch(self, runner: Runner) -> None:
        """Draw a panel if this epoch is due."""
        due = self.every_n_epochs(runner, self.interval)
        if not due and not self.is_last_train_epoch(runner):
            return
        samples = held_out_samples(runner, self.num_images)
        if samples is None:
            return
        from mixmae.visualization.reconstruction_panel import (
            reconstruction_panel,
        )

        panel = reconstruction_panel(
            samples, max_samples=len(samples), bands=self.bands
        )
        runner.visualizer.add_image(self.name, panel, step=runner.epoch + 1)


def held_out_samples(runner: Runner, count: int) -> list | None:
    """Reconstruct evenly spaced images of the validation set.

    Args:
        runner: The runner; all ranks call it.
        count: Number of images, at most; small sets have fewer.

    Returns:
        See ``predict_mixed``; None on other ranks than the main one.
    """
    # Imported here because most epochs draw nothing.
    from mixmae.visualization.reconstruction_panel import predict_mixed

    with model_to_show(runner) as model:
        if model is None:
            return None
        dataset = runner.val_dataloader.dataset
        count = min(count, len(dataset))
        images = [dataset[i * len(dataset) // count] for i in range(count)]
        batch = runner.val_dataloader.collate_fn(images)
        samples = predict_mixed(model, batch)
    return samples if is_main_process() else None


@contextmanager
def model_to_show(runner: Runner) -> Iterator[Any]:
    """Yield the model for a prediction that does not change the training.

    Yields:
        The model without its wrapper. None on ranks that have nothing to do:
        all but the main one, unless the parameters are split over the ranks.
    """
    split = isinstance(runner.model, FullyShardedModel)
    if not split and not is_main_process():
        yield None
        return
    with preserved_random_state(), gathered(runner.model):
        yield unwrapped(runner.model)
