"""Checkpoints that survive kills, full disks and flipped bits."""

from __future__ import annotations

from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mixmae.checkpoints.durable_file import write_text_durably
from mixmae.engine.checkpoint_writer import BACKEND, WRITER
from mixmae.registry import HOOKS

# What a run writes when it is told to end.
INTERRUPTED = 'interrupted.pth'


@HOOKS.register_module()
class DurableCheckpointHook(CheckpointHook):
    """MMEngine's ``CheckpointHook``, but nothing of a run can be lost.

    A checkpoint is written by a thread beside the training, to a temporary
    file, flushed to the disk, renamed, and its SHA-256 noted in a sidecar.
    Only then is it noted as the last one, and only then are older ones
    removed. An error in the thread stops the training at the next iteration.

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

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any):
        """Checks the writer, then as MMEngine."""
        WRITER.check()
        super().after_train_iter(runner, *args, **kwargs)

    def after_train(self, runner: Runner) -> None:
        """Waits until everything is on the disk."""
        WRITER.finish()
        super().after_train(runner)

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

    def _note(self, runner: Runner, path: str) -> None:
        """Queues that this is the last checkpoint from now on."""
        note = f'{runner.work_dir}/last_checkpoint'
        WRITER.put(lambda: write_text_durably(note, path))

    def _save_checkpoint_with_step(
        self, runner: Runner, step: int, meta: dict
    ) -> None:
        """Saves first and removes afterwards; MMEngine's order is opposite."""
        outdated = []
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            # A deque of bounded length forgets its oldest by itself.
            kept = [*self.keep_ckpt_ids, step]
            outdated = kept[: -self.max_keep_ckpts]
            self.keep_ckpt_ids.append(step)
            runner.message_hub.update_info(
                'keep_ckpt_ids', list(self.keep_ckpt_ids)
            )
        name = self.filename_tmpl.format(step)
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
        for old in outdated:
            old = self.filename_tmpl.format(old)
            self.file_backend.remove(
                self.file_backend.join_path(self.out_dir, old)
            )
