"""Convert a checkpoint: python tools/convert.py SRC DST --from timm.

``--help`` lists the code bases; docs/converters.md describes equivalence.
"""

from mixmae.cli.command_line import run_tool
from mixmae.cli.commands.convert import main

if __name__ == '__main__':
    run_tool(main)
