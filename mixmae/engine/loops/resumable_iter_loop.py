"""Training by iterations that resumes exactly."""

from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.runner import IterBasedTrainLoop, Runner

from mixmae.datasets.samplers.infinite_batch_sampler import (
    InfiniteBatchSampler,
)
from mixmae.engine.loops.loader_shape import resume_loading, update_loader
from mixmae.engine.loops.resumable_train_loop import seed_samples
from mixmae.registry import LOOPS


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
        """Train to the end.

        Raises:
            ValueError: The run is resumed with another number of images, batch
                size, accumulation or number of ranks.
        """
        resume_loading(self.runner, epochs=False)
        if self._batches is not None:
            self._batches.begin(self._iter * self.dataloader.batch_size)
        return super().run()
