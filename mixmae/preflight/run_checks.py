"""Checks of trainings and tests, in the order of the printed table."""

from __future__ import annotations

from mixmae.preflight.check import Check, Preflight
from mixmae.preflight.config_keys import Choices, ConfigKeys
from mixmae.preflight.folders import (
    FolderListings,
    InitialWeights,
    ListedPaths,
    PathTypes,
    Pipelines,
)
from mixmae.preflight.images import ImageChannels, ImageKinds, ImageSizes
from mixmae.preflight.numbers import Channels, RunNumbers, UpdateSize
from mixmae.preflight.schedule_length import (
    Accumulation,
    IterationSchedule,
    ScheduleLength,
)


def run_preflight(
    *checks: Check, labels: bool = True, metrics: bool = True
) -> Preflight:
    """Return the preflight of ``mixmae train`` and ``mixmae test``.

    Args:
        checks: Further checks, of one run.
        labels: Whether the run uses labels; see ``uses_labels``.
        metrics: Whether it follows metrics; see ``follows_metrics``.
    """
    return Preflight(
        [
            ConfigKeys(),
            PathTypes(),
            Pipelines(),
            Choices(),
            RunNumbers(),
            UpdateSize(),
            ImageSizes(),
            ImageChannels(),
            Channels(),
            InitialWeights(),
            FolderListings(),
            ListedPaths(),
            ImageKinds(),
            ScheduleLength(),
            IterationSchedule(),
            Accumulation(),
            *(_label_checks() if labels else ()),
            *(_metric_checks() if metrics or labels else ()),
            *checks,
        ]
    )


def _label_checks() -> list[Check]:
    # Pretraining uses no labels.
    from mixmae.preflight.annotations import Annotations
    from mixmae.preflight.class_count import ClassCount
    from mixmae.preflight.class_folders import ClassFolderNames
    from mixmae.preflight.class_names import ClassNames, ClassOrder
    from mixmae.preflight.head_classes import HeadClasses
    from mixmae.preflight.image_lists import LabelLists, SplitImages
    from mixmae.preflight.image_orientation import ImageOrientation
    from mixmae.preflight.label_counts import LabelCounts
    from mixmae.preflight.label_maps import LabelMaps

    return [
        ClassCount(),
        ClassNames(),
        ClassFolderNames(),
        LabelLists(),
        Annotations(),
        ClassOrder(),
        HeadClasses(),
        SplitImages(),
        LabelCounts(),
        LabelMaps(),
        ImageOrientation(),
    ]


def _metric_checks() -> list[Check]:
    # Most pretrainings follow no metric.
    from mixmae.preflight.metrics import MetricNames, MetricOptions

    return [MetricOptions(), MetricNames()]
