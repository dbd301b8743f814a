"""Decisions of the main rank reach all ranks."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from torch import distributed

from mixmae.config.failure_report import ConfigError
from mixmae.distributed.process_group import end_process_group, on_main_rank
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
