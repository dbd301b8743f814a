"""Checkpoint of a run that is named by its folder."""

import os
from pathlib import Path

import pytest

from mixmae.checkpoints.io.run_checkpoint import checkpoint_of


def test_the_best_checkpoint_of_a_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='has no checkpoint'):
        checkpoint_of(tmp_path)
    for age, name in enumerate(
        ['epoch_4.pth', 'epoch_10.pth', 'init.pth', 'other.txt']
    ):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (age, age))
    assert checkpoint_of(tmp_path) == str(tmp_path / 'epoch_10.pth')
    (tmp_path / 'best_mIoU_epoch_4.pth').touch()
    assert Path(checkpoint_of(tmp_path)).name == 'best_mIoU_epoch_4.pth'
    assert checkpoint_of(tmp_path / 'init.pth') == str(tmp_path / 'init.pth')
