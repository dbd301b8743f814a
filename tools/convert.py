"""Convert a checkpoint: python tools/convert.py SRC DST --from timm.

``--help`` lists the code bases; docs/converters.md says what is equal.
"""

from mixmae.cli.convert import main
from mixmae.engine.command_line import run_tool

if __name__ == '__main__':
    run_tool(main)
