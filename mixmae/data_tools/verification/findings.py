"""What a look at a data set brought to light."""

from collections import Counter
from collections.abc import Iterable

from mixmae.datasets.labels.label_fault import LabelFault


class Findings:
    """Problems, notes and facts about one data set.

    Problems must be mended; notes are worth knowing; facts say what is
    there.

    Args:
        limit: how many problems of one kind are kept word by word; the
            others are counted.
    """

    def __init__(self, limit: int = 20) -> None:
        if limit < 1:
            raise ValueError(f'limit must be at least 1, got {limit}')
        self.limit = limit
        self.facts: list[str] = []
        self.notes: list[str] = []
        self._problems: dict[str, list[str]] = {}
        self._counts: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """How many problems there are, listed or not."""
        return self._counts.total()

    @property
    def problems(self) -> list[str]:
        """One line each, kind by kind, with how many more there are."""
        lines = []
        for kind, listed in self._problems.items():
            lines += listed
            more = self._counts[kind] - len(listed)
            if more:
                lines.append(f'... and {more:,} more of this kind: {kind}')
        return lines

    def fact(self, text: str) -> None:
        """What is there."""
        self.facts.append(text)

    def note(self, text: str) -> None:
        """What is odd, but does no harm."""
        self.notes.append(text)

    def problem(self, kind: str, text: str) -> None:
        """What must be mended.

        Args:
            kind: a few words that problems of one cause have in common.
            text: one line that names file and entry and says how to mend it.
        """
        self._counts[kind] += 1
        listed = self._problems.setdefault(kind, [])
        if len(listed) < self.limit:
            listed.append(' '.join(text.split()))

    def faults(self, faults: Iterable[LabelFault]) -> None:
        """Faults of labels: problems, and notes where labels are right."""
        for fault in faults:
            if fault.level == 'note':
                self.note(fault.text)
            else:
                self.problem(fault.kind, fault.text)
