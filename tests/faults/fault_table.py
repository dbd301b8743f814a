"""Table of injected faults, survivals and lost steps."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

HEADER = '| fault | tries | survived | lost steps (median, most) |'


@dataclasses.dataclass
class Outcome:
    """Outcome of one fault.

    Attributes:
        fault: its name.
        lost: Steps that had to be computed again.
        wrong: Reason why it was not survived, or ''.
    """

    fault: str
    lost: int
    wrong: str = ''


def rows(outcomes: list[Outcome]) -> list[dict]:
    """Return one row per fault, in order of first appearance."""
    found = []
    for fault in dict.fromkeys(one.fault for one in outcomes):
        ours = [one for one in outcomes if one.fault == fault]
        lost = sorted(one.lost for one in ours)
        found.append(
            dict(
                fault=fault,
                tries=len(ours),
                survived=sum(not one.wrong for one in ours),
                lost_median=lost[len(lost) // 2],
                lost_most=lost[-1],
                wrong=sorted({one.wrong for one in ours if one.wrong}),
            )
        )
    return found


def markdown(outcomes: list[Outcome]) -> str:
    """Return the table as Markdown."""
    text = [HEADER, '| --- | --: | --: | --: |']
    for row in rows(outcomes):
        text.append(
            '| {fault} | {tries} | {survived} | '
            '{lost_median}, {lost_most} |'.format(**row)
        )
    return '\n'.join(text) + '\n'


def write(folder: Path, outcomes: list[Outcome], **more: object) -> None:
    """Write ``faults.md`` and ``faults.json``, which also has the reasons."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'faults.md').write_text(markdown(outcomes))
    content = dict(more, faults=rows(outcomes))
    (folder / 'faults.json').write_text(json.dumps(content, indent=2) + '\n')
