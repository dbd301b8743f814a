"""Decisions of the main rank reach all ranks; each rank has its GPU."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import partial

import pytest
import torch
from mmengine.config import Config
from torch import distributed

from mixmae.config.failure_report import ConfigError
from mixmae.distributed import process_group
from mixmae.distributed.process_group import (
    RANK_VARIABLES,
    end_process_group,
    on_main_rank,
    prepare_process_group,
)
from tests.engine.forked import start


def test_a_single_process_calls_the_function(tmp_path):
    assert on_main_rank(lambda: 3) == 3
    with pytest.raises(KeyError, match='a'):
        on_main_rank(lambda: {}['a'])
    end_process_group()


class UnportableError(Exception):
    """Error that cannot be pickled."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)


def decide(rank: int, folder: str) -> None:
    distributed.init_process_group(
        'gloo',
        init_method=f'file://{folder}/rendezvous',
        rank=rank,
        world_size=2,
        timeout=timedelta(seconds=60),
    )
    assert on_main_rank(lambda: rank) == 0

    def fail(error: Exception) -> None:
        assert rank == 0
        raise error

    errors = {
        ConfigError('one line'): ConfigError,
        OSError(28, 'full', 'file'): OSError,
        UnportableError('a', 'b'): UnportableError
        if rank == 0
        else (RuntimeError),
    }
    for error, kind in errors.items():
        with pytest.raises(kind) as caught:
            on_main_rank(partial(fail, error))
        assert str(error) in str(caught.value)
    end_process_group()
    assert not distributed.is_initialized()


def test_all_ranks_get_the_result_or_the_error(tmp_path):
    logs = [tmp_path / f'{rank}.log' for rank in range(2)]
    ranks = [
        start(partial(decide, rank, str(tmp_path)), log)
        for rank, log in enumerate(logs)
    ]
    for rank in ranks:
        rank.join(120)
    said = [log.read_text()[-2000:] for log in logs]
    assert [rank.exitcode for rank in ranks] == [0, 0], said


@pytest.fixture
def ranks_of(monkeypatch):
    """Start the group as a local rank on a machine with GPUs, but for NCCL."""

    def prepare(launcher, local_rank, gpus):
        for names in RANK_VARIABLES.values():
            for name in names:
                monkeypatch.delenv(name, raising=False)
        for name in RANK_VARIABLES[launcher]:
            monkeypatch.setenv(name, str(local_rank))
        # Restored after the test, even if it is not set here.
        monkeypatch.setenv('LOCAL_RANK', str(local_rank))
        if launcher != 'pytorch':
            del os.environ['LOCAL_RANK']
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
        monkeypatch.setattr(torch.cuda, 'device_count', lambda: gpus)
        started = []
        monkeypatch.setattr(
            process_group,
            'init_dist',
            lambda launcher, **_: started.append(
                os.environ[RANK_VARIABLES[launcher][2]]
            ),
        )
        monkeypatch.setattr(
            process_group, 'set_multi_processing', lambda **_: None
        )
        prepare_process_group(Config(dict(launcher=launcher)))
        # MMEngine selects the first, and wraps the model for the second.
        return int(started[0]), int(os.environ['LOCAL_RANK'])

    return prepare


@pytest.mark.parametrize('launcher', RANK_VARIABLES)
def test_a_rank_uses_the_gpu_of_its_number(ranks_of, launcher):
    assert ranks_of(launcher, 3, 8) == (3, 3)


@pytest.mark.parametrize('launcher', ['slurm', 'mpi'])
def test_a_rank_that_sees_one_gpu_uses_it(ranks_of, launcher):
    assert ranks_of(launcher, 3, 1) == (0, 0)


def test_more_processes_than_gpus_are_refused(ranks_of):
    with pytest.raises(ValueError, match='LOCAL_RANK=1, but .* 1 GPU, num'):
        ranks_of('pytorch', 1, 1)
    with pytest.raises(ValueError, match='SLURM_LOCALID=4, .* 4 GPUs, num'):
        ranks_of('slurm', 4, 4)
