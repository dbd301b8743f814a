"""Checks of the stage 'config' pass for all shipped configs."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.utils import is_installed

from mixmae.config.failure_report import ConfigError
from mixmae.preflight import PlannedRun
from mixmae.preflight.check_list import build_preflight

CONFIGS = sorted(
    path
    for path in (Path(__file__).parents[2] / 'configs').rglob('*.py')
    if '_base_' not in path.parts
)
PACKAGES = {'detection': 'mmdet', 'segmentation': 'mmseg'}


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs(path):
    package = PACKAGES.get(path.parent.name, 'mmpretrain')
    if not is_installed(package):
        pytest.skip(f'needs {package}')
    cfg = Config.fromfile(path)
    before = cfg.to_dict()
    modes = ['test'] if cfg.get('train_cfg') is None else ['train', 'test']
    for mode in modes:
        planned = PlannedRun(mode, cfg)
        preflight = build_preflight(planned)
        for check in preflight.checks:
            if check.stage == 'config' and mode in check.modes:
                found = check.run(planned)
                assert found is None or not found.errors + found.warnings
    assert cfg.to_dict() == before


@pytest.mark.parametrize(
    'base',
    [
        'mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py',
        'mmdet::yolox/yolox_tiny_8xb8-300e_coco.py',
        'mmpretrain::resnet/resnet50_8xb32_in1k.py',
        'mmpretrain::mae/mae_vit-base-p16_8xb512-amp-coslr-300e_in1k.py',
    ],
)
def test_configs_of_other_packages(tmp_path, base):
    if not is_installed(base.split(':')[0]):
        pytest.skip(f'needs {base.split(":")[0]}')
    (tmp_path / 'own.py').write_text(f"_base_ = '{base}'\n")
    planned = PlannedRun('train', Config.fromfile(tmp_path / 'own.py'))
    # PreflightError otherwise.
    build_preflight(planned).run('config', planned)


def test_checks_of_trainings_cannot_be_ignored_in_a_test():
    config = Config.fromfile(CONFIGS[0])
    build_preflight(PlannedRun('train', config), ignored=['schedule'])
    with pytest.raises(ConfigError, match="'schedule'"):
        build_preflight(PlannedRun('test', config), ignored=['schedule'])
