"""Diagnoses of the doctor from given facts."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from mixmae.doctor.checks import (
    ERROR,
    NOTE,
    UNTESTED,
    WARNING,
    diagnose,
)
from mixmae.doctor.environment import Facts, Probe, describe
from mixmae.doctor.remedies import PYTHONS, TESTED
from tests.doctor.installations import (
    HEALTHY,
    absent,
    only,
    probed,
    with_installed,
)

CONSTRAINTS = Path(__file__).parents[2] / 'requirements' / 'constraints.txt'


def test_healthy_facts_have_no_finding() -> None:
    assert diagnose(HEALTHY) == []


@pytest.mark.parametrize(
    ('probes', 'name', 'severity', 'command'),
    [
        ({'torch': absent('torch')}, 'no torch', ERROR, 'torch=='),
        (
            {'torch': Probe(error='OSError: libcudart.so.13')},
            'broken torch',
            ERROR,
            '--force-reinstall torch==',
        ),
        ({'torch': Probe(version='2.3.1')}, 'old torch', ERROR, 'torch=='),
        (
            {'torchvision': absent('torchvision')},
            'no torchvision',
            ERROR,
            'torchvision==',
        ),
        (
            {
                'torchvision': Probe(
                    error='RuntimeError: operator torchvision::nms does not '
                    'exist'
                )
            },
            'torchvision mismatch',
            ERROR,
            'uninstall -y torch torchvision',
        ),
        (
            {'mmengine': absent('mmengine')},
            'no mmengine',
            ERROR,
            'install onedl-mmengine==',
        ),
        (
            {'mmengine': Probe(version='0.10.11')},
            'old mmengine',
            ERROR,
            'install onedl-mmengine==',
        ),
        ({'cv2': absent('cv2')}, 'no opencv', ERROR, 'headless=='),
        (
            {
                'cv2': Probe(
                    error='ImportError: libGL.so.1: cannot open shared '
                    'object file: No such file or directory'
                )
            },
            'no libGL',
            ERROR,
            'uninstall -y opencv-python ',
        ),
        (
            {'mmpretrain': absent('mmpretrain')},
            'no mmpretrain',
            ERROR,
            'onedl-mmpretrain==',
        ),
        (
            {'mmpretrain': absent('einops')},
            'broken mmpretrain',
            ERROR,
            'install einops',
        ),
        ({'mmcv_ops': absent('mmcv._ext')}, 'no ops', NOTE, '--no-cache-dir'),
        (
            {
                'mmcv_ops': Probe(
                    error='ImportError: _ext.so: undefined symbol: _ZN'
                )
            },
            'ops for another torch',
            WARNING,
            '--no-cache-dir --no-build-isolation onedl-mmcv==',
        ),
        (
            {'mmcv_ops': Probe(error='the interpreter crashed (SIGSEGV)')},
            'broken ops',
            WARNING,
            'make ops',
        ),
        (
            {'torch': Probe(version='2.12.1', cuda='13.0', driver=12040)},
            'old driver',
            WARNING,
            '/whl/cu126',
        ),
        ({'mmdet': absent('mmdet')}, 'no mmdet', NOTE, 'onedl-mmdetection=='),
        ({'mmseg': absent('mmseg')}, 'no mmseg', NOTE, 'mmsegmentation=='),
        (
            {'mmdet': absent('imgaug')},
            'broken mmdet',
            WARNING,
            'install imgaug',
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else '',
)
def test_cause_of_a_failed_probe(
    probes: dict[str, Probe], name: str, severity: str, command: str
) -> None:
    found = only(probed(**probes))
    assert (found.name, found.severity) == (name, severity)
    assert command in found.command


def test_a_driver_serves_every_minor_release_of_its_major_version() -> None:
    torch = Probe(version='2.12.1', cuda='13.2', driver=13000)
    assert diagnose(probed(torch=torch)) == []


def test_no_driver_at_all_is_a_machine_without_a_gpu() -> None:
    assert diagnose(probed(torch=Probe(version='2.12.1', cuda='13.0'))) == []


def test_broken_torch_hides_errors_of_dependent_packages() -> None:
    broken = Probe(error='OSError: libcudart.so.13: no such file')
    names = ('torch', 'torchvision', 'mmengine', 'mmcv', 'mmcv_ops')
    facts = probed(**dict.fromkeys((*names, 'mmpretrain', 'mmdet'), broken))
    assert only(facts).name == 'broken torch'


def test_two_opencv_in_one_folder() -> None:
    found = only(with_installed(opencv_python='5.0.0.93'))
    assert (found.name, found.severity) == ('two opencv', WARNING)


def test_other_versions_are_untested_not_errors() -> None:
    found = only(with_installed(torch='2.10.0+cu128', numpy='2.1.0'))
    assert (found.name, found.severity) == ('untested versions', UNTESTED)
    assert 'torch 2.10.0+cu128' in found.cause
    assert 'numpy 2.1.0' in found.cause


def test_a_local_tag_is_the_same_version() -> None:
    assert diagnose(with_installed(torch='2.12.1+cpu')) == []


@pytest.mark.parametrize(
    ('python', 'severity'), [((3, 9), ERROR), ((3, 13), UNTESTED)]
)
def test_python_outside_the_range(
    python: tuple[int, int], severity: str
) -> None:
    found = only(dataclasses.replace(HEALTHY, python=python))
    assert (found.name, found.severity) == ('python', severity)


def test_tested_versions_are_those_of_the_constraints() -> None:
    pinned: dict[str, set[str]] = {}
    pattern = re.compile(r'^([\w-]+)==([^;\s]+)', re.MULTILINE)
    for name, version in pattern.findall(CONSTRAINTS.read_text()):
        pinned.setdefault(name, set()).add(version)
    for name, versions in TESTED.items():
        assert pinned[name] == set(versions), name
    assert PYTHONS == ((3, 10), (3, 12))


@pytest.mark.parametrize(
    ('version', 'number'),
    [
        ('2.4.0', 'CVE-2025-32434'),
        ('2.5.1+cu124', 'CVE-2025-32434'),
        ('2.6.0', 'CVE-2026-24747'),
        ('2.9.1', 'CVE-2026-24747'),
    ],
)
def test_releases_of_torch_with_an_unsafe_safe_load(version, number):
    found = only(probed(torch=Probe(version=version)))
    assert (found.name, found.severity) == ('unsafe torch', WARNING)
    assert number in found.cause and found.command.startswith('python -m pip')


def test_describe_with_nothing_installed() -> None:
    rows = dict(describe(Facts(python=(3, 11))))
    assert rows['torch'] == 'not installed'
    assert rows['mmcv.ops'] == 'none'
