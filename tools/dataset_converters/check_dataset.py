"""The command ``mixmae check-data KIND FOLDER``: a data set with labels."""

import sys

from mixmae.cli.commands.check_data.labelled_data import main

if __name__ == '__main__':
    sys.exit(main())
