"""Checkpoints that survive kills, full disks and flipped bits."""

from __future__ import annotations

from contextlib import suppress
from inspect import signature
from pathlib import PurePath
from typing import Any

from mmengine.dist import all_gather_object
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mixmae.checkpoints.io.checkpoint_writer import (
    BACKEND,
    NOTED_FILES,
    WRITER,
)
from mixmae.distributed.process_group import HOST_BARRIER, on_main_rank
from mixmae.engine.hooks.finite_guard_hook import check_finite
from mixmae.engine.manifest.manifest import (
    INTERRUPTED,
    WrittenFile,
    is_plain_name,
)
from mixmae.engine.manifest.run_files import BEST_FILES, RunFiles, best_files
from mixmae.fileio.atomic_write import write_text_durably
from mixmae.registry import HOOKS


@HOOKS.register_module()
class DurableCheckpointHook(CheckpointHook):
    """MMEngine's ``CheckpointHook`` with atomic, checksummed writes.

    A background thread writes each checkpoint to a temporary file, flushes it
    to the disk, renames it and writes its SHA-256 to a sidecar. Only then is
    the checkpoint recorded as the last one, and only then are older ones
    removed, including the previous best one. Every file is listed in the
    manifest ``run.json`` before it is written. Only listed files in the run's
    own folder are removed, regardless of the content of a checkpoint. An error
    in the thread stops the training at the next iteration. Weights, averaged
    weights, running statistics and optimizer states that are not finite are
    never written: they stop the training on all ranks.

    Args:
        max_keep_ckpts: Number of checkpoints to keep: at least 2, in case the
            newest is damaged later; -1 keeps all.
        **kwargs: See MMEngine's ``CheckpointHook``.

    Raises:
        ValueError: ``max_keep_ckpts`` is 0 or 1, or ``filename_tmpl`` does not
            give file names in one folder.
    """

    def __init__(self, *args: Any, max_keep_ckpts: int = 3, **kwargs: Any):
        if max_keep_ckpts in (0, 1):
            raise ValueError(
                'max_keep_ckpts must be at least 2, because the newest '
                'checkpoint may be damaged, or -1 for all; got '
                f'{max_keep_ckpts}'
            )
        # CheckpointHook takes any name, and ignores what it does not know.
        unknown = set(kwargs) - set(signature(CheckpointHook).parameters)
        if unknown:
            raise TypeError(
                f'{type(self).__name__}.__init__() got an unexpected keyword '
                f'argument {min(unknown)!r}'
            )
        kwargs.setdefault('backend_args', dict(backend=BACKEND))
        super().__init__(*args, max_keep_ckpts=max_keep_ckpts, **kwargs)
        _check_template(self.filename_tmpl)
        # Set on the main rank during training.
        self.files: RunFiles | None = None

    def before_train(self, runner: Runner) -> None:
        """Prepare as MMEngine does; remove leftovers of a killed run.

        Raises:
            ValueError: The ranks resumed from different steps, for instance
                because each machine has its own work folder.
        """
        info = runner.message_hub.runtime_info
        noted = info.pop(BEST_FILES, None)
        for key in [key for key in info if NOTED_FILES.fullmatch(key)]:
            del info[key]
        super().before_train(runner)
        _check_agreement(runner)
        HOST_BARRIER.prepare()
        # Errors of an earlier training in the same process.
        WRITER.forget()
        best = on_main_rank(lambda: self._begin(runner, noted))
        for key, path in best.items():
            if key == 'best_ckpt' and hasattr(self, 'best_ckpt_path'):
                self.best_ckpt_path = path
            elif hasattr(self, 'best_ckpt_path_dict'):
                self.best_ckpt_path_dict[key.removeprefix('best_ckpt_')] = path
            info[key] = path

    def _begin(self, runner: Runner, noted: Any) -> dict[str, str]:
        """Open the manifest; return the best checkpoints of this run."""
        self.files = RunFiles(runner, self.out_dir, self.file_backend)
        self.files.remove_partials()
        if self.max_keep_ckpts > 0:
            self.files.rotate(self.max_keep_ckpts)
        return self.files.best(noted)

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any):
        """Check the writer, then do as MMEngine does."""
        WRITER.check()
        super().after_train_iter(runner, *args, **kwargs)

    def after_train(self, runner: Runner) -> None:
        """Wait on all ranks until everything is on the disk."""
        if self.files is not None:
            self.files.manifest.finished = True
            self.files.write()
        WRITER.finish()
        super().after_train(runner)
        # Only the main rank writes. Launchers end the other ranks some time
        # after the first one has ended, with or without an error.
        HOST_BARRIER.wait()

    def after_run(self, runner: Runner) -> None:
        """Wait for the writer, even if no training took place."""
        WRITER.finish()

    def save_now(self, runner: Runner) -> str:
        """Save after the current iteration, immediately, and wait for it.

        Returns:
            The path, always the same: the file is useful until the next
            regular checkpoint.
        """
        place = dict(epoch=runner.epoch, iter=runner.iter + 1)
        path = self._save(
            runner, INTERRUPTED, 'interrupted', place, by_epoch=False
        )
        WRITER.finish()
        return path

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """Save as MMEngine does; remove the old best file afterwards."""
        if not self.save_best:
            return
        missing = [
            key for key in self.key_indicators if key not in {'auto', *metrics}
        ]
        if missing or not metrics:
            # That of a detector which finds nothing has no results.
            runner.logger.warning(
                'no best checkpoint: this validation has not given '
                f'{", ".join(missing) or "any metric"}'
            )
            if not metrics:
                return
            metrics = {**dict.fromkeys(missing), **metrics}
        check_finite(runner, 'the best checkpoint')
        # A file that is still being written could not be found and removed.
        WRITER.finish()
        before = self._plan_best(runner, metrics)
        backend = self.file_backend  # type: ignore[has-type]
        self.file_backend = _Postponed(backend)
        try:
            super()._save_best_checkpoint(runner, metrics)
            outdated = self.file_backend.outdated
        finally:
            self.file_backend = backend
        info = runner.message_hub.runtime_info
        best = {v for k, v in info.items() if k.startswith('best_ckpt')}
        if self.files is None:
            return
        for old in outdated:
            if old not in best:
                self.files.remove(PurePath(old).name)
        for name, listed in before.items():
            # It was not better than the previous one and is not written.
            if self.files.path(name) not in best:
                self.files.relist(name, listed)

    def _plan_best(
        self, runner: Runner, metrics: dict
    ) -> dict[str, WrittenFile | None]:
        """List the best checkpoints that MMEngine may write now.

        Returns:
            Their names, with the entries that these names had before.
        """
        if self.files is None:
            return {}
        if 'auto' in self.key_indicators:
            self._init_rule(self.rules, [next(iter(metrics))])
        step = runner.epoch if self.by_epoch else runner.iter
        name = self.filename_tmpl.format(step)
        place = dict(epoch=runner.epoch, iter=runner.iter)
        before = {}
        for key in self.key_indicators:
            best = f'best_{key}_{name}'.replace('/', '_')
            before[best] = self.files.plan(best, 'best', place)
        return before

    def _save_checkpoint_with_step(
        self, runner: Runner, step: int, meta: dict
    ) -> None:
        """Save first and remove afterwards; MMEngine does the reverse."""
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        self._save(
            runner,
            name,
            'checkpoint',
            meta,
            by_epoch=self.by_epoch,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            **self.args,
        )
        if self.files is not None and self.max_keep_ckpts > 0:
            self.files.rotate(self.max_keep_ckpts)

    def _save(
        self, runner: Runner, name: str, kind: str, place: dict, **options: Any
    ) -> str:
        """List a checkpoint, save it, note it as the last; return its path."""
        check_finite(runner, name)
        hub = runner.message_hub
        hub.update_info(BEST_FILES, best_files(hub.runtime_info))
        meta = place
        if self.files is not None:
            rotates = kind == 'checkpoint' and self.max_keep_ckpts > 0
            self.files.plan(name, kind, place, rotates)
            meta = self.files.meta(place)
        runner.save_checkpoint(
            self.out_dir,
            name,
            meta=meta,
            backend_args=self.backend_args,
            **options,
        )
        path = self.file_backend.join_path(self.out_dir, name)
        if self.files is not None:
            note = f'{runner.work_dir}/last_checkpoint'
            WRITER.put(lambda: write_text_durably(note, path))
        return path


class _Postponed:
    """File backend that only records which files to remove."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.outdated: list[str] = []

    def remove(self, path: str) -> None:
        self.outdated.append(path)

    rmtree = remove

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


def _check_template(template: str) -> None:
    names: list[str] = []
    # An unknown field, or a field of another type.
    with suppress(IndexError, KeyError, ValueError, AttributeError, TypeError):
        names = [template.format(step) for step in (1, 23)]
    if len(set(names)) != 2 or not all(map(is_plain_name, names)):
        raise ValueError(
            f'filename_tmpl must be a file name without a folder, with one '
            f'{{}} for the number and the suffix .pth, such as '
            f"'epoch_{{}}.pth'; got {template!r}"
        )


def _check_agreement(runner: Runner) -> None:
    start = runner.cfg.get('load_from') if runner.cfg.get('resume') else None
    starts = all_gather_object((runner.epoch, runner.iter, start))
    if len({place[:2] for place in starts}) > 1:
        found = ', '.join(
            f'rank {rank} at iteration {iteration} ({path})'
            for rank, (_, iteration, path) in enumerate(starts)
        )
        raise ValueError(
            f'the ranks would resume from different iterations: {found}; use '
            'one work folder for all of them, or --resume CHECKPOINT'
        )
