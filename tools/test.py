"""Measure a checkpoint: python tools/test.py CONFIG CHECKPOINT [options].

Several processes: tools/dist_test.sh CONFIG CHECKPOINT GPUS [options].
"""

import os

# Read as torch loads: spinning threads would starve the data loader.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

from mixmae.fileio.worker_processes import end_with_launcher

# From now on: it may be killed while the rest is imported.
end_with_launcher()

from mixmae.cli.command_line import run_tool  # noqa: E402
from mixmae.cli.commands.test import main  # noqa: E402

if __name__ == '__main__':
    run_tool(main)
