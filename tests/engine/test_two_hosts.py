"""Training on two hosts, one of which is disconnected or freezes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mixmae.cli.command_line import run_tool
from mixmae.config.failure_report import EXIT_HUNG
from mixmae.distributed.process_group import prepare_process_group
from mixmae.registry import HOOKS
from tests.engine.forked import start_two_ranks
from tests.engine.network_spaces import Host, two_hosts
from tests.engine.tiny_run import ROOT, tiny_config, write_config
from tests.engine.watchdog_limit import limit_watchdog

pytestmark = pytest.mark.slow
# Seconds in which the slowest machine gets there.
PATIENCE = 180


@HOOKS.register_module(force=True)
class StepFileHook(Hook):
    """Writes a file per rank after some iterations."""

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        if runner.iter == 5:
            limit_watchdog(runner, 4.0)
            Path(runner.work_dir, f'trains_{runner.rank}').touch()


def endless(folder: Path) -> Path:
    """Write the config of a training that the test must end."""
    config = tiny_config(folder / 'run', batch_size=1, counts=1)
    config['train_dataloader']['dataset']['length'] = 1000
    config['val_dataloader'] = config['val_evaluator'] = None
    config['val_cfg'] = None
    config['train_cfg']['max_epochs'] = 100
    config['default_hooks']['watchdog'].update(grace=2.0)
    # Other tests measure the throughput.
    config['default_hooks'].pop('throughput')
    config['custom_hooks'] = [dict(type='StepFileHook')]
    config['custom_imports']['imports'] += [__name__]
    return write_config(folder / 'tiny.py', config)


def train(config: Path, host: Host, rank: int, master: Host, log: Any) -> Any:
    """Run ``dist_train.sh`` in the network namespace of a host."""
    environment = dict(
        os.environ,
        CUDA_VISIBLE_DEVICES='',
        OMP_NUM_THREADS='1',
        PYTHON=sys.executable,
        PYTHONPATH=str(ROOT),
        NNODES='2',
        NODE_RANK=str(rank),
        MASTER_ADDR=master.address,
        MASTER_PORT='29511',
        GLOO_SOCKET_IFNAME=host.link,
    )
    script = str(ROOT / 'tools/dist_train.sh')
    return subprocess.Popen(
        [*host.enter(), 'bash', script, str(config), '1'],
        cwd=ROOT,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def wait_for(paths: list[Path], processes: list[Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not all(path.exists() for path in paths):
        assert all(one.poll() is None for one in processes), 'ended early'
        assert time.monotonic() < end, f'{paths} do not come'
        time.sleep(0.1)


def test_a_disconnected_host_ends_both(tmp_path):
    """The host without the store ends as well."""
    config = endless(tmp_path)
    logs = [tmp_path / f'{rank}.log' for rank in range(2)]
    with two_hosts() as hosts:
        processes = [
            train(config, host, rank, hosts[0], log.open('w'))
            for rank, (host, log) in enumerate(zip(hosts, logs, strict=True))
        ]
        try:
            files = [tmp_path / 'run' / f'trains_{rank}' for rank in range(2)]
            wait_for(files, processes)
            hosts[1].cut_off()
            codes = [one.wait(PATIENCE) for one in processes]
        finally:
            for one in processes:
                if one.poll() is None:
                    os.killpg(one.pid, signal.SIGKILL)
                    one.wait()
    said = [log.read_text() for log in logs]
    assert codes == [1, 1], said[0][-3000:] + said[1][-3000:]
    assert all('exitcode  : 70' in text for text in said), said[0][-3000:]
    assert re.search(
        r'error: rank 0: waited \d+ s .* for rank 1, which sends no '
        r'heartbeat',
        said[0],
    )
    assert re.search(
        r'error: rank 1: waits in .* and cannot reach the other ranks: '
        r'no response for 4 s',
        said[1],
    )


@HOOKS.register_module(force=True)
class FreezeHook(Hook):
    """Stops rank 0 and its store without closing connections."""

    def before_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        ready = Path(runner.work_dir, 'ready')
        if runner.rank == 1 and runner.iter == 4:
            # Until then the time limit is long.
            limit_watchdog(runner, 3.0)
            ready.touch()
        if runner.rank == 0 and runner.iter == 5:
            end = time.monotonic() + PATIENCE
            while not ready.exists():
                assert time.monotonic() < end, f'{ready} does not come'
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGSTOP)


def freeze(folder: Path) -> None:
    config = Config(tiny_config(folder / 'run', batch_size=1, counts=1))
    config.merge_from_dict(
        {
            'train_dataloader.dataset.length': 100,
            'default_hooks.watchdog.grace': 600.0,
            'custom_hooks': [dict(type='FreezeHook')],
            'launcher': 'pytorch',
        }
    )
    config.val_dataloader = config.val_evaluator = config.val_cfg = None
    prepare_process_group(config)
    Runner.from_cfg(config).train()


def test_an_unresponsive_store(tmp_path):
    """Needs no root: the processes of rank 0 are stopped."""
    ranks, logs = start_two_ranks(
        lambda: run_tool(lambda: freeze(tmp_path)), tmp_path
    )
    try:
        ranks[1].join(PATIENCE)
        assert ranks[1].exitcode == EXIT_HUNG, logs[1].read_text()[-3000:]
    finally:
        for rank in ranks:
            rank.kill()
            rank.join()
    assert (
        'cannot reach the other ranks: no response for' in logs[1].read_text()
    )
