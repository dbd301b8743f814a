"""Checks before a training or a test, in the order of the printed table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mixmae.config.config_paths import type_name
from mixmae.preflight.check import Check, PlannedRun, Preflight
from mixmae.preflight.config_key_check import Choices, ConfigKeys
from mixmae.preflight.data_sets import follows_metrics, uses_labels
from mixmae.preflight.image_check import ImageChannels, ImageKinds, ImageSizes
from mixmae.preflight.number_check import (
    FeatureChannels,
    RunNumbers,
    UpdateSize,
)
from mixmae.preflight.path_check import (
    FolderListings,
    InitialWeightsFile,
    ListedPaths,
    PathTypes,
    Pipelines,
)
from mixmae.preflight.schedule_check import (
    Accumulation,
    IterationSchedule,
    ScheduleLength,
)
from mixmae.registry import MODELS


def build_preflight(
    planned: PlannedRun, *checks: Check, ignored: Sequence[str] = ()
) -> Preflight:
    """Return the preflight of ``mixmae train`` and ``mixmae test``.

    Args:
        planned: The run. Labels are checked only if it uses them, and metrics
            only if it is a test, uses labels, or follows a metric.
        checks: Further checks, of this run.
        ignored: See ``Preflight``.
    """
    labels = uses_labels(planned)
    metrics = labels or planned.mode == 'test' or follows_metrics(planned)
    standard: list[Check] = [
        ConfigKeys(),
        PathTypes(),
        Pipelines(),
        Choices(),
        RunNumbers(),
        UpdateSize(),
        ImageSizes(),
        ImageChannels(),
        FeatureChannels(),
        InitialWeightsFile(),
        FolderListings(),
        ListedPaths(),
        ImageKinds(),
        ScheduleLength(),
        IterationSchedule(),
        Accumulation(),
        *_model_checks(planned.config),
        *(_label_checks() if labels else ()),
        *(_metric_checks() if metrics else ()),
    ]
    applicable = [check for check in standard if planned.mode in check.modes]
    return Preflight([*applicable, *checks], ignored)


def _model_checks(config: Mapping) -> list[Check]:
    model = config.get('model') or {}
    masks = (model.get('data_preprocessor') or {}).get('masking')
    parts = (model, model.get('backbone'), model.get('neck'))
    # Tests hold the parts of mixmae to it.
    if not masks or all(type_name(part) in MODELS.modules for part in parts):
        return []
    from mixmae.preflight.hidden_pixel_check import HiddenPixels

    return [HiddenPixels()]


def _label_checks() -> list[Check]:
    # Pretraining uses no labels.
    from mixmae.preflight.annotation_check import Annotations, ImageOrientation
    from mixmae.preflight.class_count_check import ClassCount, HeadClasses
    from mixmae.preflight.class_name_check import (
        ClassFolderNames,
        ClassNames,
        ClassOrder,
    )
    from mixmae.preflight.image_list_check import LabelLists, SplitImages
    from mixmae.preflight.label_frequency_check import LabelCounts
    from mixmae.preflight.label_map_check import LabelMaps

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
    from mixmae.preflight.metric_check import MetricNames, MetricOptions

    return [MetricOptions(), MetricNames()]
