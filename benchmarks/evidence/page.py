"""The generated parts of docs/evidence.md."""

from __future__ import annotations

from benchmarks.evidence.goals import goals_table
from benchmarks.evidence.table import (
    Results,
    long_table,
    main_table,
    progress,
    selection_table,
    small_table,
    transfer_table,
)

BLOCKS = {
    'goals': goals_table,
    'progress': progress,
    'starts': main_table,
    'scratch': long_table,
    'selection': selection_table,
    'small': small_table,
    'transfer': transfer_table,
}


def filled(page: str, results: Results) -> str:
    """Return a page with its generated blocks replaced.

    A block stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``.

    Raises:
        ValueError: The page lacks a block, or has it twice.
    """
    for name, block in BLOCKS.items():
        begin, end = f'<!-- begin {name} -->', f'<!-- end {name} -->'
        if page.count(begin) != 1 or page.count(end) != 1:
            raise ValueError(f'the page must have one block {name}')
        before, after = page.split(begin)[0], page.split(end)[1]
        page = f'{before}{begin}\n\n{block(results)}\n\n{end}{after}'
    return page
