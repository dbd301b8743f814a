"""Process group of a training, with and without GPUs."""

from __future__ import annotations

import os
import pickle
import subprocess
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import torch
from mmengine.config import Config
from mmengine.dist import (
    broadcast_object_list,
    get_world_size,
    init_dist,
    is_main_process,
)
from mmengine.model import is_model_wrapper
from mmengine.utils.dl_utils import set_multi_processing
from torch import distributed, nn

T = TypeVar('T')
DDP = 'MMDistributedDataParallel'
# Environment variables in which each launcher passes rank, world size and
# local rank.
RANK_VARIABLES = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
    'mpi': (
        'OMPI_COMM_WORLD_RANK',
        'OMPI_COMM_WORLD_SIZE',
        'OMPI_COMM_WORLD_LOCAL_RANK',
    ),
}


def _slurm_master() -> str:
    nodes = os.environ['SLURM_NODELIST']
    names = subprocess.check_output(
        ['scontrol', 'show', 'hostname', nodes], text=True
    )
    return names.split()[0]


def first_rank(cfg: Config) -> bool:
    """Return True if this process is rank 0 according to its launcher."""
    names = RANK_VARIABLES.get(cfg.get('launcher', 'none'))
    return names is None or os.environ.get(names[0], '0') == '0'


def _time_limit(cfg: Config) -> timedelta | None:
    """Return ``env_cfg.dist_cfg.timeout`` in seconds; None = PyTorch's."""
    settings = (cfg.get('env_cfg') or {}).get('dist_cfg') or {}
    seconds = settings.get('timeout')
    if seconds is None:
        return None
    number = isinstance(seconds, (int, float)) and not isinstance(
        seconds, bool
    )
    if not number or seconds <= 0:
        raise ValueError(
            f'env_cfg.dist_cfg.timeout must be seconds above 0, got '
            f'{seconds!r}'
        )
    return timedelta(seconds=seconds)


def prepare_process_group(cfg: Config) -> None:
    """Start the process group that ``cfg.launcher`` asks for.

    On GPUs this does what MMEngine's runner does, but earlier, so that the
    main rank can decide for all ranks before anything is built. On CPUs
    MMEngine fails: it selects a CUDA device before it initialises any backend,
    and passes device ids to DistributedDataParallel. There the group is
    initialised with gloo, and the model wrapper is configured without device
    ids.

    ``FlexibleRunner`` initialises the group itself on GPUs.

    Args:
        cfg: The config; on a CPU ``env_cfg.dist_cfg`` and
            ``model_wrapper_cfg`` are changed.

    Raises:
        ValueError: If the launcher's variables are not in the environment, or
            there is no GPU for this rank.
    """
    launcher = cfg.get('launcher', 'none')
    if launcher == 'none':
        return
    on_gpu = torch.cuda.is_available()
    kind = str(cfg.get('runner_type', 'Runner')).split('.')[-1]
    if on_gpu and kind == 'FlexibleRunner':
        return
    variables = RANK_VARIABLES[launcher]
    missing = [name for name in variables if name not in os.environ]
    if missing:
        raise ValueError(
            f'--launcher {launcher} needs {", ".join(missing)} in the '
            'environment; start with torchrun (tools/dist_train.sh), srun or '
            'mpirun, or remove --launcher'
        )
    if on_gpu:
        env = cfg.get('env_cfg') or {}
        _time_limit(cfg)
        _choose_gpu(launcher)
        set_multi_processing(**env.get('mp_cfg', {}), distributed=True)
        if not distributed.is_initialized():
            init_dist(launcher, **env.get('dist_cfg', {}))
        return
    for ours, theirs in zip(RANK_VARIABLES['pytorch'], variables, strict=True):
        os.environ[ours] = os.environ[theirs]
    if launcher == 'slurm':
        os.environ.setdefault('MASTER_ADDR', _slurm_master())
    os.environ.setdefault('MASTER_ADDR', '127.0.0.1')
    os.environ.setdefault('MASTER_PORT', '29500')

    cfg.merge_from_dict({'env_cfg.dist_cfg.backend': 'gloo'})
    if not distributed.is_initialized():
        limit = _time_limit(cfg)
        distributed.init_process_group('gloo', timeout=limit)
    if cfg.get('model_wrapper_cfg') is None:
        cfg.model_wrapper_cfg = dict(
            type=DDP,
            broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        )
    if cfg.model_wrapper_cfg.get('type', DDP).split('.')[-1] == DDP:
        cfg.model_wrapper_cfg.device_ids = None


def _choose_gpu(launcher: str) -> None:
    """Write the number of this rank's GPU where MMEngine reads it.

    MMEngine takes the local rank. But Slurm and MPI may show each rank only
    its own GPU, as number 0, and MPI does not set LOCAL_RANK.
    """
    variable = RANK_VARIABLES[launcher][2]
    number, gpus = int(os.environ[variable]), torch.cuda.device_count()
    if gpus == 1 and launcher != 'pytorch':
        number = 0
    if number >= gpus:
        raise ValueError(
            f'{variable}={number}, but this machine shows {gpus} '
            f'GPU{"s" * (gpus > 1)}, numbered from 0; start one process for '
            'each GPU'
        )
    os.environ[variable] = os.environ['LOCAL_RANK'] = str(number)


def unwrapped(model: nn.Module) -> Any:
    """Return the model in a wrapper for several processes, or itself."""
    return model.module if is_model_wrapper(model) else model


def end_process_group() -> None:
    """Destroy the process group, if there is one; all ranks call it.

    A process that exits with a group that it has hardly used aborts.
    """
    if distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()


def on_main_rank(work: Callable[[], T]) -> T:
    """Call a function on the main rank only; all ranks get the result.

    All ranks must call it at the same time; the result must be picklable. An
    exception on the main rank is raised on all ranks.
    """
    outcome: list[Any] = [None, None]
    failure: Exception | None = None
    if is_main_process():
        try:
            outcome[0] = work()
        # Any exception: the other ranks wait for the outcome.
        except Exception as error:
            failure = error
            outcome[1] = _portable(error)
    broadcast_object_list(outcome)
    if failure is not None:
        raise failure
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]


def _portable(error: Exception) -> Exception:
    try:
        return pickle.loads(pickle.dumps(error))
    # Not every library exception can be pickled.
    except Exception:
        return RuntimeError(f'{type(error).__name__}: {error}')


PATIENCE = timedelta(days=1)


class HostBarrier:
    """A gloo barrier over all ranks, practically without a time limit.

    The process group that exchanges gradients must not wait long. This
    separate group is for work that only the main rank does and that may take
    any time. Ranks that wait here have begun the same number of steps, so the
    watchdog does not report them. With a single process all methods do
    nothing.
    """

    def __init__(self) -> None:
        self._world: Any = None
        self._group: Any = None

    def prepare(self) -> None:
        """Create the group, once; all ranks must call it."""
        if get_world_size() < 2:
            self._world = self._group = None
        elif self._world is not distributed.group.WORLD:
            self._world = distributed.group.WORLD
            self._group = distributed.new_group(
                backend='gloo', timeout=PATIENCE
            )

    def wait(self) -> None:
        """Block until all ranks have called it."""
        if self._group is not None:
            distributed.barrier(self._group)


# One per process: each group has threads and connections.
HOST_BARRIER = HostBarrier()
