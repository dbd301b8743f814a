"""Number, kinds, sizes and values of images.

python tools/analysis_tools/data_stats.py DATA [DATA ...] [--json]
"""

from mixmae.cli.command_line import run_tool
from mixmae.cli.commands.stats import main

if __name__ == '__main__':
    run_tool(main)
