"""Facts of a healthy installation, and changes of them."""

from __future__ import annotations

import dataclasses

from mixmae.doctor.checks import (
    Diagnosis,
    diagnose,
)
from mixmae.doctor.environment import Facts, Probe

HEALTHY = Facts(
    python=(3, 11),
    installed={
        'torch': '2.12.1',
        'torchvision': '0.27.1',
        'numpy': '2.4.6',
        'onedl-mmengine': '0.10.12',
        'onedl-mmcv': '2.3.6',
        'onedl-mmpretrain': '1.3.6',
        'opencv-python-headless': '5.0.0.93',
    },
    probes={
        'torch': Probe(version='2.12.1+cu130', cuda='13.0'),
        'torchvision': Probe(version='0.27.1'),
        'numpy': Probe(version='2.4.6'),
        'cv2': Probe(version='5.0.0'),
        'mmengine': Probe(version='0.10.12'),
        'mmcv': Probe(version='2.3.6'),
        'mmcv.ops': Probe(cuda='not available'),
        'mmpretrain': Probe(version='1.3.6'),
        'mmdet': Probe(version='3.5.1'),
        'mmseg': Probe(version='1.4.2'),
        'mim': Probe(version='0.5.1'),
    },
)


def absent(module: str) -> Probe:
    return Probe(
        error=f"ModuleNotFoundError: No module named '{module}'",
        missing=module,
    )


def probed(**probes: Probe) -> Facts:
    """Return healthy facts with other probes; mmcv_ops means mmcv.ops."""
    named = {key.replace('mmcv_', 'mmcv.'): probes[key] for key in probes}
    return dataclasses.replace(HEALTHY, probes={**HEALTHY.probes, **named})


def with_installed(without: tuple[str, ...] = (), **versions: str) -> Facts:
    """Return healthy facts with other distributions; _ means -."""
    installed = {
        name: version
        for name, version in HEALTHY.installed.items()
        if name not in without
    }
    installed |= {key.replace('_', '-'): versions[key] for key in versions}
    return dataclasses.replace(HEALTHY, installed=installed)


def only(facts: Facts) -> Diagnosis:
    found = diagnose(facts)
    assert [item.name for item in found] == [found[0].name]
    assert '\n' not in found[0].cause
    return found[0]
