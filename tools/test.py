"""Measure a checkpoint: python tools/test.py CONFIG CHECKPOINT [options].

Several processes: tools/dist_test.sh CONFIG CHECKPOINT GPUS [options].
"""

import os

# Read as torch loads: spinning threads would starve the data loader.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

from mixmae.cli.command_line import run_tool
from mixmae.cli.commands.test import main

if __name__ == '__main__':
    run_tool(main)
