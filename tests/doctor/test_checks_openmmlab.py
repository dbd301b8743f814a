"""Diagnoses of OpenMMLab packages, their forks and mmcv's ops."""

from __future__ import annotations

import dataclasses

import pytest

from mixmae.doctor.checks import (
    ERROR,
    WARNING,
    diagnose,
)
from mixmae.doctor.environment import Probe
from tests.doctor.installations import (
    HEALTHY,
    absent,
    only,
    probed,
    with_installed,
)


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
