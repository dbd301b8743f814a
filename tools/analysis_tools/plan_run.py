"""Time, memory and data of a run: python plan_run.py CONFIG --measure 30.

    python tools/analysis_tools/plan_run.py \\
        configs/mixmae/swin-b_8xb128_600e.py --gpu h200 --num 8

Parameters, FLOPs and activations are counted in the model itself, without a
GPU. docs/planning.md describes the source of each figure.
"""

from mixmae.cli.command_line import run_tool
from mixmae.cli.commands.plan import main

if __name__ == '__main__':
    run_tool(main)
