"""Settings and results of the verification of a dataset."""

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mixmae.data_tools.verification.inspection import (
    ImageNotes,
    Inspection,
    Opening,
    inspect_chosen,
    inspect_image,
)
from mixmae.data_tools.verification.known_sets import KnownSet
from mixmae.datasets.labels.label_fault import LabelFault


@dataclass
class DatasetCheck:
    """Verification of one dataset.

    Attributes:
        opening: Selection of the files to open.
        known: Published figures to compare with; None allows any.
        limit: Number of problems of one kind that are kept as text; further
            ones are only counted.
        facts: Descriptions of the content.
        notes: Anomalies that do no harm; problems must be fixed.
    """

    opening: Opening
    known: KnownSet | None = None
    limit: int = 20
    facts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _problems: dict[str, list[str]] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError(f'limit must be at least 1, got {self.limit}')

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
                self.notes.append(fault.text)
            else:
                self.problem(fault.kind, fault.text)

    def compare_count(self, split: str, count: int) -> None:
        """Compare the number of images with the published one."""
        known = self.known
        if known is None or split not in known.images:
            return
        expected = known.images[split]
        if count < expected:
            self.problem(
                'count of images',
                f'{split}: {count:,} images, {expected - count:,} fewer than '
                f'the {expected:,} of {known.title}; extract its archives '
                f'again (see {known.page}), or use --subset for a part of the '
                'data set',
            )
        elif count > expected:
            self.problem(
                'count of images',
                f'{split}: {count:,} images, {count - expected:,} more than '
                f'the {expected:,} of {known.title}; remove other images, or '
                'use --subset',
            )

    def compare_classes(
        self, split: str, classes: int, images: Counter | None = None
    ) -> None:
        """Compare the number of classes, and the images of each."""
        if self.known is None:
            return
        if classes != self.known.classes:
            self.problem(
                'count of classes',
                f'{split}: {classes:,} classes, {self.known.title} has '
                f'{self.known.classes:,}; use --subset for a part of the data '
                'set',
            )
        expected = self.known.per_class.get(split)
        for name, count in sorted((images or {}).items()):
            if expected not in (None, count):
                self.problem(
                    'images of a class',
                    f'{split}: class {name} has {count:,} images, each should '
                    f'have {expected}; sort the images into their class '
                    'folders again',
                )

    def open_images(
        self, paths: Sequence[Path], split: str
    ) -> Iterator[tuple[int, Inspection]]:
        """Yield index and content of the selected images.

        Reports the unreadable ones.
        """
        opened = 0
        notes = ImageNotes(self.opening.decoding)
        look = functools.partial(inspect_image, decoding=self.opening.decoding)
        for index, content in inspect_chosen(look, paths, self.opening, split):
            opened += 1
            notes.add(content)
            if content.fault is not None:
                heading, text = content.problem
                self.problem(heading, f'{paths[index]}: {text}')
            yield index, content
        if opened:
            self.facts.append(f'{split}: {opened:,} images opened')
        for line in notes.lines():
            self.notes.append(f'{split}: {line}')

    def open_all_images(self, paths: Sequence[Path], split: str) -> None:
        """Open the selected images and report unreadable ones."""
        for _ in self.open_images(paths, split):
            pass
