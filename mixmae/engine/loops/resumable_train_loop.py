"""Training by epochs that can go on in the middle of one."""

from mmengine.runner import EpochBasedTrainLoop

from mixmae.registry import LOOPS


@LOOPS.register_module()
class ResumableTrainLoop(EpochBasedTrainLoop):
    """Goes on after the last batch that a checkpoint has seen.

    MMEngine's loop starts an interrupted epoch from its beginning and counts
    on, so part of the data is seen twice and the schedule ends early. Here
    the sampler skips what has been seen: nothing is loaded in vain.
    """

    def run_epoch(self) -> None:
        """Iterate one epoch, or what is left of it."""
        done = self._batches_done()
        if done:
            sampler = self.dataloader.batch_sampler.sampler
            sampler.skip(done * self.dataloader.batch_sampler.batch_size)
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        for index, batch in enumerate(self.dataloader, start=done):
            self.run_iter(index, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _batches_done(self) -> int:
        """Batches of this epoch that a resumed run has seen already.

        Raises:
            ValueError: epoch and iteration of the checkpoint do not belong to
                epochs of this length, or the sampler cannot skip.
        """
        length = len(self.dataloader)
        done = self._iter - self._epoch * length
        if not 0 <= done <= length:
            raise ValueError(
                f'the resumed iteration {self._iter} lies in no epoch '
                f'{self._epoch} of {length} iterations: resume with the '
                f'number of images, batch size and processes that the '
                f'checkpoint was written with, or start a new run from its '
                f'weights with load_from'
            )
        sampler = self.dataloader.batch_sampler.sampler
        if done and not hasattr(sampler, 'skip'):
            raise ValueError(
                f'the checkpoint lies within an epoch, and a '
                f'{type(sampler).__name__} cannot go on in the middle of '
                f'one: use mixmae.UpdateSampler, or resume from a checkpoint '
                f'at the end of an epoch'
            )
        return done
