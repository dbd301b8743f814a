"""The command ``mixmae check-data FOLDER``: images without labels."""

import sys

from mixmae.cli.commands.verify_images import main

if __name__ == '__main__':
    sys.exit(main())
