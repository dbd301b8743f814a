"""Sizes that map an iteration to the images it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mmengine.dist import get_world_size
from mmengine.runner import Runner

# Key in the message hub, which is saved in checkpoints.
KEY = 'train_loader'
# MMEngine's keys, in checkpoints of other loops and earlier versions.
LIMITS = ('max_iters', 'max_epochs')


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
    def of(cls, runner: Runner, epochs: bool = True) -> LoaderShape:
        """Create from a runner whose train loop and optimizer are built.

        Args:
            runner: The runner.
            epochs: Whether the loop counts epochs.
        """
        loader = runner.train_dataloader
        batches = loader.batch_sampler
        size = getattr(batches, 'batch_size', loader.batch_size)
        wrapper = runner.optim_wrapper
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


def resume_loading(runner: Runner, epochs: bool = True) -> None:
    """Compare the sizes of a resumed run with its checkpoint; record them.

    Call it before the first iteration, while the message hub is in the state
    of the checkpoint.

    Args:
        runner: The runner.
        epochs: Whether the loop counts epochs.

    Raises:
        ValueError: The resumed iteration belongs to a run of other sizes.
    """
    shape = LoaderShape.of(runner, epochs)
    info = runner.message_hub.runtime_info
    if runner.iter > 0:
        _compare(shape, info)
    runner.message_hub.update_info(KEY, shape._asdict())


def _compare(shape: LoaderShape, info: Mapping[str, Any]) -> None:
    noted = LoaderShape.read(info.get(KEY))
    if noted is not None:
        # Loops by epochs and by iterations count in different ways.
        if bool(noted.iterations) == bool(shape.iterations) and (
            noted != shape
        ):
            raise ValueError(_refusal(str(noted), str(shape)))
        return
    iterations, epochs = (info.get(key) or 0 for key in LIMITS)
    if type(iterations) is not int or type(epochs) is not int:
        return
    length = iterations / epochs if epochs > 0 else 0
    if shape.iterations and length not in (shape.iterations, 0):
        raise ValueError(
            _refusal(
                f'epochs of {length:g} iterations',
                f'{shape}, epochs of {shape.iterations} iterations',
            )
        )


def _refusal(noted: str, now: str) -> str:
    return (
        f'the checkpoint was written with {noted}, but this run has {now}; '
        'resume with the same number of images, batch size, accumulation and '
        'ranks, or start a new run from the weights with --cfg-options '
        'load_from=CHECKPOINT'
    )


def update_loader(loader: Any, runner: Runner) -> Any:
    """Complete the ``UpdateSampler`` of a data loader's config.

    Args:
        loader: Config of a data loader, or a built one, which is returned.
        runner: Runner with an optimizer wrapper or its config.

    Returns:
        A config whose sampler has the batch size of the loader and the
        accumulation of the optimizer wrapper, unless the sampler sets them
        itself.
    """
    if not isinstance(loader, Mapping):
        return loader
    sampler = loader.get('sampler')
    if sampler is None or not is_update_sampler(sampler):
        return loader
    wrapper = runner.optim_wrapper
    if isinstance(wrapper, Mapping):
        counts = wrapper.get('accumulative_counts', 1)
    else:
        counts = getattr(wrapper, '_accumulative_counts', 1)
    own = {key: value for key, value in sampler.items() if value is not None}
    filled = dict(
        batch_size=loader.get('batch_size'), accumulative_counts=counts
    )
    return {**loader, 'sampler': {**filled, **own}}


def is_update_sampler(sampler: Any) -> bool:
    """Return True if a sampler config is that of an ``UpdateSampler``."""
    if not isinstance(sampler, Mapping):
        return False
    kind = sampler.get('type')
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
    return name.split('.')[-1] == 'UpdateSampler'
