"""Sizes and lengths of a run from its config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.registry import DATASETS

# Training images of ImageNet-1K, whose files need not exist for a plan.
IMAGENET = 1_281_167
SIZE_KEYS = ('scale', 'crop_size')


class RunSettings(NamedTuple):
    """Settings of a pretraining or a classifier.

    Attributes:
        side: Side of the square training images in pixels.
        images: Number of training images.
        epochs: Number of epochs.
        batch: Images per forward pass on one device.
        update: Images per update on all devices of the config.
        updates: Updates of an iteration-based loop; None = given by epochs.
        optimizer: Optimizer class.
        dtype: Dtype of ``AutocastOptimWrapper``.
        sharded: Whether devices shard parameters, gradients and optimizer
            states.
        kept: Number of kept checkpoints; None = all.
    """

    side: int
    images: int
    epochs: float
    batch: int
    update: int
    updates: int | None
    optimizer: str
    dtype: str
    sharded: bool
    kept: int | None

    @classmethod
    def of(
        cls, cfg: Config, images: int | None = None, side: int | None = None
    ) -> RunSettings:
        """Create from a config.

        Args:
            cfg: Config with a ``train_dataloader``.
            images: Replaces the number of images of the data set, which would
                be built.
            side: Replaces the size of the last crop in the pipeline.

        Raises:
            ValueError: The config has no training, or a number is unknown.
        """
        if cfg.get('train_dataloader') is None or not cfg.get('train_cfg'):
            raise ValueError(
                f'{cfg.filename} trains nothing: it has no train_dataloader '
                f'or no train_cfg'
            )
        loader, wrapper = cfg.train_dataloader, cfg.optim_wrapper
        if images is None:
            images = _count(loader.dataset)
        counts = wrapper.get('accumulative_counts') or 1
        # Of all devices; one device if the config does not state the number.
        at_once = (cfg.get('auto_scale_lr') or {}).get(
            'base_batch_size', loader.batch_size
        )
        update = at_once * counts
        epochs, updates = cfg.train_cfg.get('max_epochs'), None
        if epochs is None:
            updates = cfg.train_cfg.max_iters // counts
            epochs = cfg.train_cfg.max_iters * at_once / images
        hook = cfg.get('default_hooks', {}).get('checkpoint') or {}
        kept = hook.get('max_keep_ckpts', -1)
        return cls(
            side=side or _side(cfg),
            images=images,
            epochs=epochs,
            batch=loader.batch_size,
            update=update,
            updates=updates,
            optimizer=wrapper.optimizer.type,
            dtype=wrapper.get('dtype', 'float32'),
            sharded='Sharded' in (cfg.get('runner_type') or ''),
            kept=kept if kept > 0 else None,
        )


def _count(dataset: Mapping) -> int:
    root = Path(dataset.get('data_root') or 'nowhere')
    imagenet = dataset['type'].endswith('ImageNet') or 'imagenet' in root.parts
    try:
        return len(DATASETS.build(dataset))
    # Data sets of other libraries may raise any exception if files are
    # missing.
    except Exception as error:
        if imagenet and not root.exists():
            return IMAGENET
        raise ValueError(
            f'the images of the {dataset["type"]} cannot be counted '
            f'({error}): say how many there are by --images'
        ) from error


def _side(cfg: Config) -> int:
    found: Any = None
    for transform in cfg.train_dataloader.dataset.get('pipeline') or ():
        if 'Crop' in transform['type'] or 'Resize' in transform['type']:
            for key in SIZE_KEYS:
                found = transform.get(key, found)
    found = found or cfg.model.get('backbone', {}).get('img_size')
    if isinstance(found, (list, tuple)) and len(set(found)) == 1:
        found = found[0]
    if not isinstance(found, int):
        raise ValueError(
            f'the size of the images cannot be read from {cfg.filename}: '
            f'give it by --size'
        )
    return found


class Schedule(NamedTuple):
    """Updates of a run.

    Attributes:
        update: Images per update on all devices.
        accumulation: Batches per update and device.
        updates: Updates of the complete run; incomplete updates are dropped.
    """

    update: int
    accumulation: int
    updates: int

    @classmethod
    def of(
        cls,
        images: int,
        epochs: float,
        update: int,
        devices: int,
        batch: int,
        updates: int | None = None,
    ) -> Schedule:
        """Create a schedule with the accumulation that gives the same update.

        ``update`` are images on all devices, ``batch`` those on one;
        ``updates`` is given for loops by iterations.

        Raises:
            ValueError: No whole number of batches gives this update, or there
                are no updates.
        """
        if updates is None:
            updates = int(images // update * epochs)
        if updates < 1:
            raise ValueError(
                f'{epochs:g} epochs of {images:,} images make no update of '
                f'{update:,} images, as the config has it: lower its batch '
                f'size, auto_scale_lr.base_batch_size or accumulative_counts, '
                f'train longer, or name the images you will have by --images'
            )
        share = update / devices
        if share % batch:
            fitting = [b for b in range(1, round(share) + 1) if share % b == 0]
            hint = (
                f'batch sizes that do: {", ".join(map(str, fitting[-8:]))}'
                if fitting
                else 'take another number of devices'
            )
            raise ValueError(
                f'{devices} devices with batches of {batch} make no update '
                f'of {update} images, as the config has it: {hint}'
            )
        return cls(update, int(share // batch), updates)

    @property
    def trained_images(self) -> int:
        """Images of the complete run."""
        return self.updates * self.update
