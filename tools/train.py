"""Train a model: python tools/train.py CONFIG [options].

Several processes: tools/dist_train.sh CONFIG GPUS [options].
"""

import os

# Read as torch loads: threads that spin while they wait take the processor
# from the loader's workers, and from each other where cores are shared.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

from mixmae.fileio.worker_processes import end_with_launcher

# From now on: it may be killed while the rest is imported.
end_with_launcher()

from mixmae.cli.command_line import run_tool  # noqa: E402
from mixmae.cli.commands.train import main  # noqa: E402

if __name__ == '__main__':
    run_tool(main)
