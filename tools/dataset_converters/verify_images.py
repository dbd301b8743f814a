"""The command ``mixmae check-data FOLDER``: images without labels."""

import sys

from mixmae.cli.commands.check_data.unlabelled_images import main

if __name__ == '__main__':
    sys.exit(main())
