"""Best checkpoint of a run."""

import os
from pathlib import Path

import pytest

from mixmae.checkpoints.io.best_checkpoint import best_checkpoint


def test_the_best_checkpoint_of_a_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='has no checkpoint'):
        best_checkpoint(tmp_path)
    for age, name in enumerate(
        ['epoch_4.pth', 'epoch_10.pth', 'init.pth', 'other.txt']
    ):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (age, age))
    assert best_checkpoint(tmp_path) == str(tmp_path / 'epoch_10.pth')
    (tmp_path / 'best_mIoU_epoch_4.pth').touch()
    assert Path(best_checkpoint(tmp_path)).name == 'best_mIoU_epoch_4.pth'
    assert best_checkpoint(tmp_path / 'init.pth') == str(tmp_path / 'init.pth')
