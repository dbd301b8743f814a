"""The command ``mixmae reconstruct``: hidden parts of images, predicted."""

from mixmae.cli.command_line import run_tool
from mixmae.cli.commands.reconstruct import main

if __name__ == '__main__':
    run_tool(main)
