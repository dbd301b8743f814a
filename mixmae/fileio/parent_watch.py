"""End of processes whose parent was killed.

It imports nothing heavy: the tools call it before they import PyTorch.
"""

import os
import signal
import threading
import time

# torchrun, srun and mpirun set one of these in the ranks that they start.
LAUNCHED = ('TORCHELASTIC_RUN_ID', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')
THREAD = 'parent-watch'


def end_with_launcher(poll: float = 1.0) -> None:
    """Send SIGTERM to this process when its launcher has ended.

    A launcher that is killed leaves its ranks running. A training then saves
    and exits, as on any SIGTERM. A process without a launcher is not watched,
    and none is watched twice.

    Args:
        poll: Seconds between two checks.
    """
    watched = any(one.name == THREAD for one in threading.enumerate())
    if not watched and any(name in os.environ for name in LAUNCHED):
        _end_with_parent(poll)


def end_worker_with_parent() -> None:
    """End this worker process when its parent has ended.

    A worker of a ``ProcessPoolExecutor`` would wait for further work forever.
    """
    # A forked worker inherits the handler of its parent.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with_parent()


def _end_with_parent(poll: float = 1.0) -> None:
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(poll)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name=THREAD, daemon=True).start()
