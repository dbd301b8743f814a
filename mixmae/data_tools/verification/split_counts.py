"""Comparison of the counts of a split with the published ones."""

from collections import Counter

from mixmae.data_tools.verification.findings import Findings
from mixmae.data_tools.verification.known_sets import KnownSet


def compare_count(
    findings: Findings, known: KnownSet | None, split: str, count: int
) -> None:
    """Compare the number of images; None for ``known`` allows any."""
    if known is None or split not in known.images:
        return
    expected = known.images[split]
    if count < expected:
        findings.problem(
            'count of images',
            f'{split}: {count:,} images, {expected - count:,} fewer than the '
            f'{expected:,} of {known.title}: unpack its archives again (see '
            f'{known.page}), or say --subset if a part is all you want',
        )
    elif count > expected:
        findings.problem(
            'count of images',
            f'{split}: {count:,} images, {count - expected:,} more than the '
            f'{expected:,} of {known.title}: take out what does not belong '
            f'to it, or say --subset',
        )


def compare_classes(
    findings: Findings,
    known: KnownSet | None,
    split: str,
    per_class: Counter,
    classes: int | None = None,
) -> None:
    """Compare the number of classes and their numbers of images.

    Args:
        findings: Receives the results.
        known: The dataset, None if any number is allowed.
        split: Name of the split.
        per_class: Number of images of each class.
        classes: Number of classes, if it differs from those with images.
    """
    if known is None:
        return
    count = len(per_class) if classes is None else classes
    if count != known.classes:
        findings.problem(
            'count of classes',
            f'{split}: {count:,} classes, {known.title} has '
            f'{known.classes:,}; say --subset if a part is all you want',
        )
    expected = known.per_class.get(split)
    if expected is None:
        return
    for name, images in sorted(per_class.items()):
        if images != expected:
            findings.problem(
                'images of a class',
                f'{split}: class {name} has {images:,} images, each should '
                f'have {expected}: sort the images into their classes again',
            )
