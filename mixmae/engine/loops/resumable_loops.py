"""Training loops, by epochs and by iterations, that resume exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mmengine.dataset import BaseDataset, InfiniteSampler
from mmengine.dist import get_world_size
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from mixmae.datasets.samplers.resumable_samplers import (
    InfiniteBatchSampler,
    ResumableBatchSampler,
    UpdateSampler,
    update_loader,
)
from mixmae.datasets.transforms.batched_transforms import SeedSample
from mixmae.registry import LOOPS

# Key in the message hub, which is saved in checkpoints.
LOADER_KEY = 'train_loader'
# MMEngine's keys, in checkpoints of other loops and earlier versions.
LIMITS = ('max_iters', 'max_epochs')


@LOOPS.register_module()
class ResumableTrainLoop(EpochBasedTrainLoop):
    """Loop by epochs that continues after the last batch of a checkpoint.

    MMEngine's loop repeats an interrupted epoch from its beginning but does
    not reset the iteration count: part of the data is seen twice and the
    schedule ends early. This loop skips the batches already seen without
    loading them. It works with any sampler and batch sampler whose order
    depends on its seed and epoch: ``UpdateSampler``, MMEngine's
    ``DefaultSampler``, mmdet's aspect ratio batches.

    Augmentations depend only on (seed, epoch, sample): if the pipeline of the
    dataset has no ``SeedSample``, one is inserted first. Dataset wrappers,
    which renumber their samples, are not changed.

    Args and attributes are those of MMEngine's ``EpochBasedTrainLoop``.
    """

    def __init__(
        self, runner: Runner, dataloader: Any, *args: Any, **kwargs: Any
    ) -> None:
        loader = update_loader(dataloader, runner)
        super().__init__(runner, loader, *args, **kwargs)
        loader = self.dataloader
        if not len(loader):
            raise ValueError(
                f'train_dataloader: {len(loader.dataset)} images make no '
                f'batch of {loader.batch_size} with drop_last=True; '
                f'set a smaller train_dataloader.batch_size, or '
                f'drop_last=False'
            )
        if loader.batch_sampler is None or not _knows_epochs(loader):
            return
        # PyTorch has no other way to change it; no worker has started.
        sampler = ResumableBatchSampler(loader.batch_sampler)
        loader.__dict__['batch_sampler'] = sampler
        seed_samples(loader.dataset)

    def run(self) -> Any:
        """Train to the end; see ``resume_loading`` for errors."""
        resume_loading(self.runner)
        return super().run()

    def run_epoch(self) -> None:
        """Run one epoch, or the rest of it."""
        done = self._batches_done()
        if done:
            batches = self.dataloader.batch_sampler
            # Skipping batches costs little; an offset in the sampler costs
            # less.
            if isinstance(batches.sampler, UpdateSampler):
                batches.sampler.skip(done * batches.batch_size)
            else:
                batches.skip(done)
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        for index, batch in enumerate(self.dataloader, start=done):
            self.run_iter(index, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _batches_done(self) -> int:
        """Return the batches of this epoch that are already done.

        Raises:
            ValueError: Epoch and iteration of the checkpoint do not fit epochs
                of this length, or the sampler cannot skip.
        """
        length = len(self.dataloader)
        done = self._iter - self._epoch * length
        if not 0 <= done <= length:
            raise ValueError(
                f'the resumed iteration {self._iter} is outside of epoch '
                f'{self._epoch} of {length} iterations; resume with the '
                'number of images, batch size and processes that the '
                'checkpoint was written with, or start a new run from its '
                'weights with load_from'
            )
        batches = self.dataloader.batch_sampler
        if done and not isinstance(batches, ResumableBatchSampler):
            name = type(self.dataloader.sampler).__name__
            raise ValueError(
                f'the checkpoint was saved within an epoch, but a {name} has '
                'no seed and epoch and cannot be resumed within one; use '
                'mixmae.UpdateSampler, or resume from a checkpoint at the end '
                'of an epoch'
            )
        return done


def _knows_epochs(loader: Any) -> bool:
    sampler = getattr(loader.batch_sampler, 'sampler', None)
    return all(
        hasattr(sampler, name) for name in ('seed', 'epoch', 'set_epoch')
    )


def seed_samples(dataset: Any) -> None:
    """Insert a ``SeedSample`` first if the pipeline has none."""
    if not isinstance(dataset, BaseDataset):
        return
    transforms = getattr(dataset.pipeline, 'transforms', None)
    if isinstance(transforms, list) and not any(
        isinstance(one, SeedSample) for one in transforms
    ):
        transforms.insert(0, SeedSample())


@LOOPS.register_module()
class ResumableIterLoop(IterBasedTrainLoop):
    """Loop by iterations that also resumes the augmentations.

    MMEngine's loop skips the images already seen at the sampler, but the
    workers restart their random numbers, so the resumed run differs. Here
    augmentations depend only on (seed, pass over the data, sample): if the
    pipeline of the dataset has no ``SeedSample``, one is inserted first. Needs
    an ``InfiniteSampler``; with other samplers it behaves as MMEngine's loop.

    Args and attributes are those of MMEngine's ``IterBasedTrainLoop``.
    """

    def __init__(
        self, runner: Runner, dataloader: Any, *args: Any, **kwargs: Any
    ) -> None:
        loader = update_loader(dataloader, runner)
        super().__init__(runner, loader, *args, **kwargs)
        loader = self.dataloader
        self._batches: InfiniteBatchSampler | None = None
        if isinstance(loader.sampler, InfiniteSampler):
            self._batches = InfiniteBatchSampler(loader.batch_sampler)
            # PyTorch has no other way to change it; no worker has started.
            loader.__dict__['batch_sampler'] = self._batches
            seed_samples(loader.dataset)

    def run(self) -> Any:
        """Train to the end; see ``resume_loading`` for errors."""
        resume_loading(self.runner)
        if self._batches is not None:
            self._batches.begin(self._iter * self.dataloader.batch_size)
        return super().run()


class LoaderShape(NamedTuple):
    """Sizes of a training's data loading.

    Two runs with equal sizes read the same images in the same iteration.

    Attributes:
        images: Length of the training set.
        batch_size: Images per micro-iteration on one rank.
        ranks: Number of processes.
        accumulative_counts: Micro-iterations per update.
        iterations: Micro-iterations per epoch; 0 for loops by iterations.
    """

    images: int
    batch_size: int
    ranks: int
    accumulative_counts: int
    iterations: int

    @classmethod
    def of(cls, runner: Runner) -> LoaderShape:
        """Create from a runner whose train loop and optimizer are built."""
        loader = runner.train_dataloader
        batches = loader.batch_sampler
        size = getattr(batches, 'batch_size', loader.batch_size)
        wrapper = runner.optim_wrapper
        epochs = isinstance(runner.train_loop, EpochBasedTrainLoop)
        return cls(
            images=len(loader.dataset),
            batch_size=size or 1,
            ranks=get_world_size(),
            accumulative_counts=getattr(wrapper, '_accumulative_counts', 1),
            iterations=len(loader) if epochs else 0,
        )

    @classmethod
    def read(cls, content: Any) -> LoaderShape | None:
        """Read the sizes from a checkpoint; ``None`` if it has none."""
        if not isinstance(content, Mapping):
            return None
        found: list[Any] = [content.get(field) for field in cls._fields]
        if any(type(one) is not int or one < 0 for one in found):
            return None
        return cls(*found)

    def __str__(self) -> str:
        accumulated = ''
        if self.accumulative_counts > 1:
            accumulated = f' x {self.accumulative_counts} accumulated'
        return (
            f'{self.images:,} images in batches of {self.batch_size} x '
            f'{self.ranks} rank{"s" * (self.ranks > 1)}{accumulated}'
        )


def resume_loading(runner: Runner) -> None:
    """Compare the sizes of a resumed run with its checkpoint; record them.

    Call it before the first iteration, while the message hub is in the state
    of the checkpoint.

    Raises:
        ValueError: The resumed iteration belongs to a run of other sizes.
    """
    shape = LoaderShape.of(runner)
    if runner.iter > 0:
        _compare(shape, runner.message_hub.runtime_info)
    runner.message_hub.update_info(LOADER_KEY, shape._asdict())


def _compare(shape: LoaderShape, info: Mapping[str, Any]) -> None:
    noted = LoaderShape.read(info.get(LOADER_KEY))
    if noted is not None:
        # Loops by epochs and by iterations count in different ways.
        same_kind = bool(noted.iterations) == bool(shape.iterations)
        if same_kind and noted != shape:
            raise ValueError(refused_data(noted, shape))
        return
    iterations, epochs = (info.get(key) or 0 for key in LIMITS)
    if type(iterations) is not int or type(epochs) is not int:
        return
    length = iterations / epochs if epochs > 0 else 0
    if shape.iterations and length not in (shape.iterations, 0):
        raise ValueError(
            refused_data(
                f'epochs of {length:g} iterations',
                f'{shape}, epochs of {shape.iterations} iterations',
            )
        )


def refused_data(
    then: LoaderShape | str, now: LoaderShape | str | None, path: str = ''
) -> str:
    """Return the error of a run that resumes with other data or ranks.

    Args:
        then: Data and ranks of the checkpoint.
        now: Data and ranks of the run.
        path: Of the checkpoint, if it is known.
    """
    return (
        f'{path or "the checkpoint"} was written with {then}, but this run '
        f'has {now}; resume with the same number of images, batch size, '
        f'accumulation and ranks, or {new_run(path)}'
    )


def new_run(path: str = '') -> str:
    """Return how to start a run from the weights of a checkpoint."""
    return (
        f'start a new run from the weights with another --work-dir and '
        f'--cfg-options load_from={path or "CHECKPOINT"}'
    )
