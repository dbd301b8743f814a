"""Synchronisation of two ranks before and after epochs and trainings."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from unittest.mock import Mock

from mmengine.config import Config
from torch import distributed

from mixmae.checkpoints.io.checkpoint_writer import WRITER
from mixmae.engine.hooks import ProbeHook
from mixmae.engine.hooks.durable_checkpoint_hook import DurableCheckpointHook
from mixmae.engine.manifest.run_record import RunRecord
from tests.engine.forked import start


def write_slowly(folder: Path) -> None:
    """Write a checkpoint for longer than the other rank's shutdown takes."""
    end = time.monotonic() + 60
    while not (folder / 'waits').exists() and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.5)
    (folder / 'written').touch()


def keep_step(rank: int, folder: str) -> None:
    """Train one of two ranks; rank 0 runs a long probe."""
    distributed.init_process_group(
        'gloo',
        init_method=f'file://{folder}/rendezvous',
        rank=rank,
        world_size=2,
        timeout=timedelta(seconds=60),
    )
    runner = Mock(
        epoch=0,
        max_epochs=1,
        iter=4,
        work_dir=folder,
        cfg=Config({'work_dir': folder}),
    )
    runner.message_hub.runtime_info = {}
    measured = Path(folder, 'measured')
    hook = ProbeHook({}, {}, interval=1)

    def probe(_):
        if rank == 0:
            time.sleep(0.5)
            measured.touch()
        return {}

    hook.probe = probe
    hook.before_train(runner)
    hook.after_train_epoch(runner)
    # No rank has continued, which the watchdog would report.
    assert measured.exists()

    # The runner has no data set; this process has no other tests.
    RunRecord.of = lambda _: RunRecord({})
    saver = DurableCheckpointHook(interval=1)
    saver.before_train(runner)
    if rank == 0:
        WRITER.put(partial(write_slowly, Path(folder)))
    else:
        Path(folder, 'waits').touch()
    saver.after_train(runner)
    # A launcher ends ranks that still write after others have ended.
    assert Path(folder, 'written').exists()

    runner.iter = 4 - rank
    runner.cfg = Config(
        dict(
            resume=True,
            load_from=f'epoch_{2 - rank}.pth',
            work_dir=folder,
        )
    )
    try:
        saver.before_train(runner)
    except ValueError as error:
        print(error)
    distributed.destroy_process_group()


def test_ranks_wait_for_each_other_and_resume_at_one_step(tmp_path):
    logs = [tmp_path / f'{rank}.log' for rank in range(2)]
    ranks = [
        start(partial(keep_step, rank, str(tmp_path)), log)
        for rank, log in enumerate(logs)
    ]
    for rank in ranks:
        rank.join(120)
    said = [log.read_text() for log in logs]
    assert [rank.exitcode for rank in ranks] == [0, 0], said
    for text in said:
        assert (
            'the ranks would resume from different iterations: rank 0 at '
            'iteration 4 (epoch_2.pth), rank 1 at iteration 3 (epoch_1.pth)'
            in text
        )
