"""Checks of trainings and tests, in the order of the table."""

from __future__ import annotations

from mixmae.preflight.annotations import Annotations
from mixmae.preflight.channels import Channels
from mixmae.preflight.check import Check
from mixmae.preflight.class_count import ClassCount
from mixmae.preflight.class_folders import ClassFolderNames
from mixmae.preflight.class_names import ClassNames, ClassOrder
from mixmae.preflight.config_keys import ConfigKeys
from mixmae.preflight.folder_listings import FolderListings
from mixmae.preflight.head_classes import HeadClasses
from mixmae.preflight.image_channels import ImageChannels
from mixmae.preflight.image_kinds import ImageKinds
from mixmae.preflight.image_orientation import ImageOrientation
from mixmae.preflight.image_sizes import ImageSizes
from mixmae.preflight.label_counts import LabelCounts
from mixmae.preflight.label_maps import LabelMaps
from mixmae.preflight.listed_paths import ListedPaths
from mixmae.preflight.path_types import PathTypes
from mixmae.preflight.preflight import Preflight
from mixmae.preflight.run_numbers import RunNumbers
from mixmae.preflight.schedule_length import IterationSchedule, ScheduleLength
from mixmae.preflight.update_size import UpdateSize


def run_preflight(*checks: Check) -> Preflight:
    """Preflight of ``tools/train.py`` and ``tools/test.py``.

    Args:
        checks: Further checks, of one run.
    """
    return Preflight(
        [
            ConfigKeys(),
            PathTypes(),
            RunNumbers(),
            UpdateSize(),
            ClassCount(),
            ImageSizes(),
            ImageChannels(),
            Channels(),
            ClassNames(),
            ClassFolderNames(),
            FolderListings(),
            ListedPaths(),
            ImageKinds(),
            Annotations(),
            ScheduleLength(),
            IterationSchedule(),
            ClassOrder(),
            HeadClasses(),
            LabelCounts(),
            LabelMaps(),
            ImageOrientation(),
            *checks,
        ]
    )
