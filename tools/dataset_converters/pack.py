"""The command ``mixmae pack``: images, in tar shards."""

import sys

from mixmae.cli.commands.pack import main

if __name__ == '__main__':
    sys.exit(main())
