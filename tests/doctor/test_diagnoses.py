"""Each named cause, from made-up facts."""

import dataclasses
import re
from pathlib import Path

import pytest

from mixmae.doctor.diagnoses import diagnose
from mixmae.doctor.diagnosis import ERROR, NOTE, UNTESTED, WARNING, Diagnosis
from mixmae.doctor.facts import Facts
from mixmae.doctor.probes import Probe
from mixmae.doctor.tested import PYTHONS, TESTED

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
    """The healthy facts with other probes; mmcv_ops means mmcv.ops."""
    named = {key.replace('mmcv_', 'mmcv.'): probes[key] for key in probes}
    return dataclasses.replace(HEALTHY, probes={**HEALTHY.probes, **named})


def with_installed(without: tuple[str, ...] = (), **versions: str) -> Facts:
    """The healthy facts with other distributions; _ stands for -."""
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


def test_nothing_is_wrong() -> None:
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
            {'torch': Probe(version='2.12.1', cuda='13.0', gpu=True)},
            'CPU ops',
            WARNING,
            'FORCE_CUDA=1',
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


def test_a_driver_serves_every_release_of_its_major_one() -> None:
    torch = Probe(version='2.12.1', cuda='13.2', driver=13000)
    assert diagnose(probed(torch=torch)) == []


def test_no_driver_at_all_is_a_machine_without_a_gpu() -> None:
    assert diagnose(probed(torch=Probe(version='2.12.1', cuda='13.0'))) == []


def test_broken_torch_does_not_blame_what_stands_on_it() -> None:
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
