"""Checkpoints that survive kills, full disks and flipped bits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor

from mixmae.checkpoints.durable_file import (
    remove_partials,
    write_text_durably,
)
from mixmae.engine.checkpoint_writer import BACKEND, WRITER, DurableBackend
from mixmae.engine.finite_values import (
    NonFiniteError,
    learnt,
    names_of_non_finite,
    some,
)
from mixmae.engine.hooks.finite_guard_hook import FiniteGuardHook
from mixmae.engine.patient_group import PATIENT_GROUP
from mixmae.engine.sharding.parameter_shards import is_shard, own_part
from mixmae.registry import HOOKS

# What a run writes when it is told to end.
INTERRUPTED = 'interrupted.pth'
# In the message hub: what is to be removed when this checkpoint stands.
OUTDATED = 'outdated_ckpt_ids'


@HOOKS.register_module()
class DurableCheckpointHook(CheckpointHook):
    """MMEngine's ``CheckpointHook``, but nothing of a run can be lost.

    A checkpoint is written by a thread beside the training, to a temporary
    file, flushed to the disk, renamed, and its SHA-256 noted in a sidecar.
    Only then is it noted as the last one, and only then are older ones
    removed, the best one so far too. An error in the thread stops the training
    at the next iteration. Weights, averaged weights, running statistics or an
    optimizer's state that are not finite are never written: they stop the
    training, on all ranks.

    Args:
        max_keep_ckpts: how many are kept: at least 2, in case the newest is
            damaged later; -1 keeps all.
        **kwargs: see MMEngine's ``CheckpointHook``.

    Raises:
        ValueError: ``max_keep_ckpts`` is 0 or 1.
    """

    def __init__(self, *args: Any, max_keep_ckpts: int = 3, **kwargs: Any):
        if max_keep_ckpts in (0, 1):
            raise ValueError(
                f'max_keep_ckpts must be at least 2, so that one is left if '
                f'the newest is damaged, or -1 for all; got {max_keep_ckpts}'
            )
        kwargs.setdefault('backend_args', dict(backend=BACKEND))
        super().__init__(*args, max_keep_ckpts=max_keep_ckpts, **kwargs)

    def before_train(self, runner: Runner) -> None:
        """As MMEngine; what a killed run had left behind is removed.

        Raises:
            ValueError: the ranks have not gone on from the same step, as
                where each machine has its own work folder.
        """
        super().before_train(runner)
        _check_agreement(runner)
        PATIENT_GROUP.prepare()
        # Of a training before this one, in the same process.
        WRITER.forget()
        if not is_main_process():
            return
        WRITER.put(lambda: remove_partials(self.out_dir))
        self._remove(runner.message_hub.runtime_info.get(OUTDATED, ()))

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any):
        """Checks the writer, then as MMEngine."""
        WRITER.check()
        super().after_train_iter(runner, *args, **kwargs)

    def after_train(self, runner: Runner) -> None:
        """Waits until everything is on the disk, on all ranks."""
        WRITER.finish()
        super().after_train(runner)
        # The main rank alone writes. Launchers end the others some time
        # after the first has ended, well or not.
        PATIENT_GROUP.wait()

    def after_run(self, runner: Runner) -> None:
        """Waits, also when no training took place."""
        WRITER.finish()

    def save_now(self, runner: Runner) -> str:
        """Saves after the current iteration, at once, and waits for it.

        Returns:
            The path, always the same one: it is of use until the next
            regular checkpoint.
        """
        path = self.file_backend.join_path(self.out_dir, INTERRUPTED)
        _check(runner, INTERRUPTED)
        meta = dict(epoch=runner.epoch, iter=runner.iter + 1)
        runner.save_checkpoint(
            self.out_dir,
            INTERRUPTED,
            meta=meta,
            by_epoch=False,
            backend_args=self.backend_args,
        )
        if is_main_process():
            self._note(runner, path)
        WRITER.finish()
        return path

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """As MMEngine, but the one that was best goes when this one stands."""
        if not self.save_best:
            return
        _check(runner, 'the best checkpoint')
        # One that is still being written could not be found and removed.
        WRITER.finish()
        backend = self.file_backend  # type: ignore[has-type]
        self.file_backend = _Postponed(backend)
        try:
            super()._save_best_checkpoint(runner, metrics)
            outdated = self.file_backend.outdated
        finally:
            self.file_backend = backend
        info = runner.message_hub.runtime_info
        best = {v for k, v in info.items() if k.startswith('best_ckpt')}
        for old in outdated:
            if old not in best:
                backend.remove(old)

    def _note(self, runner: Runner, path: str) -> None:
        """Queues that this is the last checkpoint from now on."""
        note = f'{runner.work_dir}/last_checkpoint'
        WRITER.put(lambda: write_text_durably(note, path))

    def _save_checkpoint_with_step(
        self, runner: Runner, step: int, meta: dict
    ) -> None:
        """Saves first and removes afterwards; MMEngine's order is opposite."""
        name = self.filename_tmpl.format(step)
        _check(runner, name)
        outdated: list[int] = []
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            # A deque of bounded length forgets its oldest by itself.
            kept = [*self.keep_ckpt_ids, step]
            outdated = kept[: -self.max_keep_ckpts]
            self.keep_ckpt_ids.append(step)
            runner.message_hub.update_info(
                'keep_ckpt_ids', list(self.keep_ckpt_ids)
            )
        # Should the run be killed before they are removed, the next will do.
        runner.message_hub.update_info(OUTDATED, outdated)
        path = self.file_backend.join_path(self.out_dir, name)
        self.last_ckpt = path
        runner.message_hub.update_info('last_ckpt', path)
        runner.save_checkpoint(
            self.out_dir,
            name,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if not is_main_process():
            return
        self._note(runner, path)
        self._remove(outdated)

    def _remove(self, steps: Iterable[int]) -> None:
        """Queues the removal of checkpoints; they need not be there."""
        for step in steps:
            name = self.filename_tmpl.format(step)
            path = self.file_backend.join_path(self.out_dir, name)
            # Ours also removes a sidecar without its file.
            ours = isinstance(self.file_backend, DurableBackend)
            if ours or self.file_backend.isfile(path):
                self.file_backend.remove(path)


class _Postponed:
    """A backend of files that only remembers what shall be removed."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.outdated: list[str] = []

    def remove(self, path: str) -> None:
        self.outdated.append(path)

    rmtree = remove

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


def _check_agreement(runner: Runner) -> None:
    start = runner.cfg.get('load_from') if runner.cfg.get('resume') else None
    starts = all_gather_object((runner.epoch, runner.iter, start))
    if len({place[:2] for place in starts}) > 1:
        found = ', '.join(
            f'rank {rank} at iteration {iteration} ({path})'
            for rank, (_, iteration, path) in enumerate(starts)
        )
        raise ValueError(
            f'the ranks do not go on from the same step: {found}; give all '
            f'of them one work folder, or --resume CHECKPOINT'
        )


def _check(runner: Runner, name: str) -> None:
    """Stops all ranks rather than write what is not finite.

    Raises:
        NonFiniteError: something is not.
    """
    for hook in runner.hooks:
        if isinstance(hook, FiniteGuardHook):
            hook.finish(runner)
    found = _written(runner)
    if not is_main_process():
        # The main rank's are written; running statistics may differ. Of what
        # is split, every rank holds a share.
        found = {key: one for key, one in found.items() if is_shard(one)}
    mine = names_of_non_finite({k: own_part(v) for k, v in found.items()})
    shares = all_gather_object(mine)
    bad = list(dict.fromkeys(key for share in shares for key in share))
    if bad:
        raise NonFiniteError(
            f'{name} is not written, because {len(bad)} tensors are not '
            f'finite: {some(bad)}. The checkpoints before it are as they '
            f'were; lower the learning rate and go on with --resume'
        )


def _written(runner: Runner) -> dict[str, Tensor]:
    """Names and tensors of what a checkpoint holds of the training."""
    model = runner.model
    if is_model_wrapper(model):
        model = model.module
    found = learnt(model)
    names = {id(one): name for name, one in model.named_parameters()}
    wrapper = runner.optim_wrapper
    if isinstance(wrapper, OptimWrapper):
        for one, state in wrapper.optimizer.state.items():
            for key, value in state.items():
                if isinstance(value, Tensor):
                    found[f'{key} of {names.get(id(one))}'] = value
    for hook in runner.hooks:
        if isinstance(hook, EMAHook):
            average = learnt(hook.ema_model.module)
            found.update((f'average of {k}', v) for k, v in average.items())
    return found
