"""Results of the verification of a dataset."""

from collections import Counter
from collections.abc import Iterable

from mixmae.datasets.labels.label_fault import LabelFault


class Findings:
    """Problems, notes and facts about one dataset.

    Problems must be fixed; notes are worth knowing; facts describe the
    content.

    Args:
        limit: Number of problems of one kind that are kept as text; further
            ones are only counted.
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
        """Number of problems, listed or not."""
        return self._counts.total()

    @property
    def problems(self) -> list[str]:
        """One line per problem, by kind, with counts of further ones."""
        lines = []
        for kind, listed in self._problems.items():
            lines += listed
            more = self._counts[kind] - len(listed)
            if more:
                lines.append(f'... and {more:,} more of this kind: {kind}')
        return lines

    def fact(self, text: str) -> None:
        """Add a description of the content."""
        self.facts.append(text)

    def note(self, text: str) -> None:
        """Add an anomaly that does no harm."""
        self.notes.append(text)

    def problem(self, kind: str, text: str) -> None:
        """Add a problem that must be fixed.

        Args:
            kind: Short label shared by problems of the same cause.
            text: One line that names file, entry and remedy.
        """
        self._counts[kind] += 1
        listed = self._problems.setdefault(kind, [])
        if len(listed) < self.limit:
            listed.append(' '.join(text.split()))

    def faults(self, faults: Iterable[LabelFault]) -> None:
        """Add faults of labels: problems, or notes if labels are correct."""
        for fault in faults:
            if fault.level == 'note':
                self.note(fault.text)
            else:
                self.problem(fault.kind, fault.text)
