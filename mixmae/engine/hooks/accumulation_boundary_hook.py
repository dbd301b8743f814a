"""Hook that refuses a training whose updates cross epochs or checkpoints.

It only checks; ``UpdateSampler`` (``resumable_samplers``) makes epochs of
whole updates.
"""

from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from mixmae.registry import HOOKS


@HOOKS.register_module()
class AccumulationBoundaryHook(Hook):
    """Check, before training, that epochs end on accumulation boundaries.

    With gradient accumulation an update takes several micro-iterations.
    Checkpoints do not hold gradients: one that is written between two updates
    loses the gradients accumulated so far, and the resumed run differs.
    """

    # Before anything that costs time, and before the first checkpoint.
    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Raise ``ValueError`` if a setting does not fit."""
        counts = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        self._check_sampler(runner)
        self._check_length(runner, counts)
        self._check_checkpoints(runner, counts)
        if runner.iter % counts:
            raise ValueError(
                f'the resumed iteration {runner.iter} is not a multiple of '
                f'accumulative_counts={counts}: the checkpoint was saved '
                'within an update; resume from one at an accumulation boundary'
            )

    def _check_sampler(self, runner: Runner) -> None:
        loader = runner.train_dataloader
        sampler = getattr(loader.batch_sampler, 'sampler', loader.sampler)
        batch_size = getattr(loader.batch_sampler, 'batch_size', None)
        # Only samplers that count updates, such as UpdateSampler, have it.
        assumed = getattr(sampler, 'batch_size', batch_size)
        if assumed is not None and assumed != batch_size:
            raise ValueError(
                f'the train_dataloader has batch_size={batch_size}, its '
                f'{type(sampler).__name__} batch_size={assumed}: set '
                f'train_dataloader.sampler.batch_size={batch_size}, or leave '
                'it out of the config'
            )

    def _check_length(self, runner: Runner, counts: int) -> None:
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            length, name = runner.max_iters, 'max_iters'
        else:
            length, name = len(runner.train_dataloader), 'an epoch'
        if length % counts:
            raise ValueError(
                f'{name} has {length} micro-iterations, not a multiple of '
                f'accumulative_counts={counts}, so an update would cross its '
                'end; train by epochs with '
                "sampler=dict(type='mixmae.UpdateSampler') and "
                'ResumableTrainLoop, or by iterations with a multiple for '
                'max_iters'
            )

    def _check_checkpoints(self, runner: Runner, counts: int) -> None:
        for hook in runner.hooks:
            if not isinstance(hook, CheckpointHook) or hook.by_epoch:
                continue
            if hook.interval > 0 and hook.interval % counts:
                raise ValueError(
                    f'checkpoints every {hook.interval} micro-iterations '
                    'would fall between two updates of '
                    f'accumulative_counts={counts}: set the interval of '
                    'the CheckpointHook to a multiple of it'
                )
