"""The command ``mixmae features``: features of images, in a file."""

from mixmae.cli.command_line import run_tool
from mixmae.cli.commands.features import main

if __name__ == '__main__':
    run_tool(main)
