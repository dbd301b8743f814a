"""What has been tried, what was survived, and what was lost."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

HEADER = '| fault | tries | survived | lost steps (median, most) |'


@dataclasses.dataclass
class Outcome:
    """Of one fault.

    Attributes:
        fault: its name.
        lost: steps computed that had to be computed once more.
        wrong: why it does not count as survived; '' if it does.
    """

    fault: str
    lost: int
    wrong: str = ''


def rows(outcomes: list[Outcome]) -> list[dict]:
    """One for each fault, in the order of their first appearance."""
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
    """The table as Markdown."""
    text = [HEADER, '| --- | --: | --: | --: |']
    for row in rows(outcomes):
        text.append(
            '| {fault} | {tries} | {survived} | '
            '{lost_median}, {lost_most} |'.format(**row)
        )
    return '\n'.join(text) + '\n'


def write(folder: Path, outcomes: list[Outcome], **more: object) -> None:
    """Writes ``faults.md`` and ``faults.json``, which also says why."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'faults.md').write_text(markdown(outcomes))
    content = dict(more, faults=rows(outcomes))
    (folder / 'faults.json').write_text(json.dumps(content, indent=2) + '\n')
