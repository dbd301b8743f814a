"""Diagnoses of the doctor from given facts."""

import dataclasses
import re
from pathlib import Path

import pytest

from mixmae.doctor.checks import (
    ERROR,
    NOTE,
    UNTESTED,
    WARNING,
    Diagnosis,
    diagnose,
)
from mixmae.doctor.facts import Facts, describe
from mixmae.doctor.probes import Probe
from mixmae.doctor.tested_versions import PYTHONS, TESTED

CONSTRAINTS = Path(__file__).parents[2] / 'requirements' / 'constraints.txt'
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


def test_cuda_ops_with_a_gpu_have_no_finding() -> None:
    torch = Probe(version='2.12.1', cuda='13.0', gpu=True)
    facts = probed(torch=torch, mmcv_ops=Probe(cuda='13.0'))
    assert diagnose(facts) == []


def test_cpu_ops_with_a_gpu_list_the_build_requirements() -> None:
    torch = Probe(version='2.12.1', cuda='13.0', gpu=True)
    found = only(probed(torch=torch))
    assert (found.name, found.severity) == ('CPU ops', WARNING)
    command = found.command
    assert 'FORCE_CUDA=1' in command
    assert 'nvcc' in command and 'OPS=cuda' in command


def test_missing_mmcv_is_reported_once() -> None:
    gone = absent('mmcv')
    facts = probed(
        mmcv=gone, mmcv_ops=gone, mmpretrain=gone, mmdet=gone, mmseg=gone
    )
    found = only(facts)
    assert found.name == 'no mmcv'
    assert '--no-deps mmcv-lite==' in found.command


@pytest.mark.parametrize(
    ('upstream', 'fork'),
    [
        ('mmcv', 'onedl-mmcv'),
        ('mmcv_full', 'onedl-mmcv'),
        ('mmengine', 'onedl-mmengine'),
        ('mmdet', 'onedl-mmdetection'),
        ('mmsegmentation', 'onedl-mmsegmentation'),
        ('mmpretrain', 'onedl-mmpretrain'),
        ('openmim', 'onedl-mim'),
    ],
)
def test_upstream_beside_the_forks(upstream: str, fork: str) -> None:
    found = only(with_installed(**{upstream: '2.1.0'}))
    assert (found.name, found.severity) == ('mixed forks', ERROR)
    remove, install = found.command.split('&&', 1)
    assert f' {upstream.replace("_", "-")}' in remove
    assert (fork in remove) == (fork in HEALTHY.installed)
    wanted = 'mmcv-lite' if fork == 'onedl-mmcv' else fork
    assert f'{wanted}==' in install


def test_a_mixed_mmengine_gets_one_finding() -> None:
    facts = with_installed(mmengine='0.10.11')
    probes = {**facts.probes, 'mmengine': Probe(version='0.10.11')}
    found = only(dataclasses.replace(facts, probes=probes))
    assert found.name == 'mixed forks'


def test_mmcv_lite_beside_the_forks_is_the_base_tier() -> None:
    facts = with_installed(without=('onedl-mmcv',), mmcv_lite='2.2.0')
    assert diagnose(facts) == []


def test_two_mmcv_in_one_folder() -> None:
    found = only(with_installed(mmcv_lite='2.2.0'))
    assert (found.name, found.severity) == ('two mmcv', ERROR)


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
