"""Verify a data set or a folder of images.

    mixmae check-data FOLDER [options]
    mixmae check-data KIND FOLDER [options]

The first form opens all images in a folder or in shards. The second form
verifies images and annotations of a known kind of data set.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mixmae.cli.commands.check_data import labelled_data, unlabelled_images
from mixmae.config.failure_report import print_error
from mixmae.data_tools.verification.verifier import KINDS


def main(argv: Sequence[str] | None = None) -> int:
    """Run the checks; return the exit status."""
    given = [*(sys.argv[1:] if argv is None else argv)]
    # To pass a folder with such a name, add a slash.
    if given and given[0] in KINDS:
        return labelled_data.main(given)
    if not given or given[0] in ('-h', '--help'):
        print(__doc__)
        print('kinds (KIND --help has more options):')
        for kind, text in KINDS.items():
            print(f'  {kind:<16} {text}')
        print()
    if len(given) > 1 and not any(one.startswith('-') for one in given[:2]):
        print_error(
            f'{given[0]!r} is no kind of data set: give one of '
            f'{", ".join(KINDS)}, or a single folder of images without a kind'
        )
        return 2
    return unlabelled_images.main(given)
