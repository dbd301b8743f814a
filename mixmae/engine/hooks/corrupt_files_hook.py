"""Hook that sets how corrupt images are handled, and saves their list."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from mmengine.dist import barrier
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mixmae.datasets.corrupt.corrupt_file_list import (
    OLD_REGISTER,
    REGISTER,
    CorruptFile,
    CorruptFileRegister,
)
from mixmae.datasets.corrupt.corrupt_files import (
    MAX_RATIO,
    CorruptFiles,
    use_fallback_samples,
)
from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.listed_paths import image_sets, loader_of
from mixmae.deprecation import renamed_arguments
from mixmae.registry import HOOKS


@HOOKS.register_module()
class CorruptFilesHook(Hook):
    """Replace corrupt images in training; list them in ``corrupt_files.txt``.

    It applies to training sets of any library that load images with
    ``LoadImage``. A fallback sample replaces a sample whose file is corrupt;
    ``CorruptFiles`` chooses it and limits the number of corrupt files. All
    workers of all ranks append to one list in the work folder, one line per
    file (``cause<TAB>path<TAB>sample``), immediately, and count its entries. A
    common count therefore needs a folder that all machines share. After each
    epoch in which a file was added, the log gives the counts per cause.

    When a run starts or is resumed, the listed files are checked again: files
    that can be read now are used and removed from the list, the others are
    known from the first step.

    In validation and testing a corrupt image is an error that names it, since
    metrics over fewer images could not be compared. (An
    ``UnlabeledImageFolder`` replaces and lists them there as well.)

    Loops by iterations are supported like loops by epochs; their whole
    training is one epoch.

    Args:
        max_corrupt_ratio: Largest share of corrupt files in a data set, 0 to
            1. Data sets of mixmae may have another one, by an argument of the
            same name.

    Raises:
        ValueError: The share is out of range.
    """

    priority = 'NORMAL'

    @renamed_arguments(max_broken_share='max_corrupt_ratio')
    def __init__(self, max_corrupt_ratio: float = MAX_RATIO) -> None:
        # Raises now, not in training, if it is out of range.
        CorruptFiles(0, max_corrupt_ratio)
        self.max_corrupt_ratio = max_corrupt_ratio
        self._sets: dict[str, CorruptFiles] = {}
        self._register: CorruptFileRegister | None = None
        self._reported: dict[str, str] = {}

    def before_train(self, runner: Runner) -> None:
        """Check listed files again; connect the training sets to the list."""
        register = self._register_of(runner)
        dataset = runner.train_dataloader.dataset
        sets = dict(image_sets(dataset, 'train'))
        if runner.rank == 0:
            _adopt_list_of_0_1(register)
            _check_again(register, sets, runner)
        barrier()
        register.look()
        for name, one in sets.items():
            self._sets[name] = use_fallback_samples(
                one, self.max_corrupt_ratio
            )
            self._sets[name].attach(register, name)

    def after_train_epoch(self, runner: Runner) -> None:
        """Log the counts per cause if they have changed."""
        if runner.rank != 0 or self._register is None:
            return
        self._register.look()
        for name, found in self._sets.items():
            summary = found.summary()
            if summary != self._reported.get(name, ''):
                self._reported[name] = summary
                runner.logger.info(
                    f'corrupt files of {name}: {summary} of {found.count:,}; '
                    f'they are listed in {self._register.path}'
                )

    def before_val(self, runner: Runner) -> None:
        """Connect validation sets that replace corrupt files."""
        self._attach(runner, runner.val_dataloader.dataset)

    def before_test(self, runner: Runner) -> None:
        """Connect test sets that replace corrupt files."""
        self._attach(runner, runner.test_dataloader.dataset)

    def _attach(self, runner: Runner, dataset: Any) -> None:
        for _, one in image_sets(dataset, ''):
            if isinstance(getattr(one, 'corrupt_files', None), CorruptFiles):
                found = use_fallback_samples(one, self.max_corrupt_ratio)
                found.attach(self._register_of(runner))

    def _register_of(self, runner: Runner) -> CorruptFileRegister:
        if self._register is None:
            path = Path(runner.work_dir).absolute() / REGISTER
            self._register = CorruptFileRegister(path)
        return self._register


def _adopt_list_of_0_1(register: CorruptFileRegister) -> None:
    """Take over the list of a run that was started with mixmae 0.1."""
    old = CorruptFileRegister(register.path.with_name(OLD_REGISTER))
    old.look()
    if old.entries() and not register.path.exists():
        with contextlib.suppress(OSError):
            register.replace(old.entries())


def _check_again(
    register: CorruptFileRegister, sets: dict[str, Any], runner: Runner
) -> None:
    """Keep the entries that are still corrupt and in these datasets."""
    register.look()
    listed = register.entries()
    if not listed:
        return
    checked = [_still_corrupt(entry, sets) for entry in listed]
    kept = [entry for entry in checked if entry is not None]
    runner.logger.info(
        f'{register.path}: {len(kept)} of {len(listed)} files listed by an '
        f'earlier start are still corrupt files of the training set'
    )
    if kept != listed:
        try:
            register.replace(kept)
        except OSError as error:
            runner.logger.warning(
                f'{register.path} cannot be written: {error.strerror}'
            )


def _still_corrupt(
    entry: CorruptFile, sets: dict[str, Any]
) -> CorruptFile | None:
    """Return the entry with its current cause; None if it can be read."""
    name, _, index = entry.sample.rpartition('/')
    if name not in sets or not index.isdecimal():
        return None
    dataset = sets[name]
    if int(index) >= len(dataset):
        return None
    path = os.path.abspath(dataset.get_data_info(int(index))['img_path'])
    loader = loader_of(dataset)
    if path != entry.path or loader is None:
        return None
    try:
        # Images inside archives are read by their dataset.
        read = getattr(dataset, 'read_sample', dataset.get_data_info)
        results = read(int(index))
        # Decode the full image, without a random crop.
        loader.load(results['img_path'], results.get('img_bytes'))
    except CorruptImageError as error:
        return entry._replace(cause=error.cause)
    return None
