"""The command ``check-data``: a data set with labels, or a folder of images.

    mixmae check-data FOLDER [options]
    mixmae check-data KIND FOLDER [options]

The first form opens every image below a folder, or in shards. The second one
compares images and annotations of a data set of a known kind.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mixmae.cli.commands import check_dataset, verify_images
from mixmae.data_tools.verification.verifier import KINDS


def main(argv: Sequence[str] | None = None) -> int:
    """Check; return the exit status."""
    given = [*(sys.argv[1:] if argv is None else argv)]
    # A folder of such a name is written with a slash.
    if given and given[0] in KINDS:
        return check_dataset.main(given)
    if not given or given[0] in ('-h', '--help'):
        print(__doc__)
        print('kinds (KIND --help has more options):')
        for kind, text in KINDS.items():
            print(f'  {kind:<16} {text}')
        print()
    return verify_images.main(given)
