"""How long a training waits for its data."""

from mmengine.config import Config

from mixmae.config.data_paths import data_loaders

# Seconds for one batch. A network file system that was away for minutes may
# come back; with NCCL the other ranks wait no longer than this.
TIMEOUT = 500
OF_WORKERS = (
    'multiprocessing_context',
    'persistent_workers',
    'prefetch_factor',
    'timeout',
)


def limit_loaders(cfg: Config) -> None:
    """Gives every loader with workers a time limit, if it has none.

    PyTorch's default is to wait forever for a worker that hangs. ``timeout``
    of a loader in the config sets another limit, 0 none. From loaders without
    workers it takes the settings of workers, which PyTorch refuses there, so
    that ``num_workers=0`` is enough.
    """
    for _, loader in data_loaders(cfg):
        if loader.get('num_workers', 0):
            loader.setdefault('timeout', TIMEOUT)
            continue
        for name in OF_WORKERS:
            loader.pop(name, None)
