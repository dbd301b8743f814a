"""Several processes on machines without a GPU."""

import os
import subprocess
from datetime import timedelta

import torch
from mmengine.config import Config
from torch import distributed

DDP = 'MMDistributedDataParallel'
# Where each launcher leaves rank, number of ranks, and rank on its machine.
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
    """Whether this process is the first, as its launcher says."""
    names = RANK_VARIABLES.get(cfg.get('launcher', 'none'), ())
    return all(os.environ.get(name, '0') == '0' for name in names[:1])


def _time_limit(cfg: Config) -> timedelta | None:
    """``env_cfg.dist_cfg.timeout``, seconds; None = PyTorch's own."""
    seconds = cfg.env_cfg.dist_cfg.get('timeout')
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
    """Make ``cfg.launcher`` work without a GPU; with one, change nothing.

    MMEngine selects a CUDA device before it initialises any backend, and
    hands device ids to DistributedDataParallel, both of which fail on a
    CPU. So the group is initialised here, with gloo, and the model's wrapper
    is configured without device ids.

    Args:
        cfg: The config; ``env_cfg.dist_cfg`` and ``model_wrapper_cfg`` are
            changed.

    Raises:
        ValueError: If the launcher's variables are not in the environment.
    """
    launcher = cfg.get('launcher', 'none')
    if launcher == 'none' or torch.cuda.is_available():
        return
    variables = RANK_VARIABLES[launcher]
    missing = [name for name in variables if name not in os.environ]
    if missing:
        raise ValueError(
            f'--launcher {launcher} needs {", ".join(missing)} in the '
            'environment: start with torchrun (tools/dist_train.sh), srun '
            'or mpirun, or leave --launcher out'
        )
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
