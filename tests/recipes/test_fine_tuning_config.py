"""Plans of fine-tunings on own labels, before anything is trained."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from mmengine.config import Config
from PIL import Image

import mixmae
from mixmae.config.failure_report import ConfigError
from mixmae.recipes.fine_tuning_config import plan_fine_tuning
from mixmae.registry import MODELS
from tests.apis.own_data import picture, write_backbone


@pytest.fixture
def call(tmp_path: Path) -> dict:
    """Two classes of grey images of 12 bits, and a backbone for RGB."""
    for index in range(12):
        place = tmp_path / 'classes' / 'ab'[index % 2]
        place.mkdir(parents=True, exist_ok=True)
        grey = picture(index)[0][..., 0].astype(np.uint16) * 16
        tifffile.imwrite(place / f'{index}.tif', grey)
    return {
        'task': 'classification',
        'data': tmp_path / 'classes',
        'init': write_backbone(tmp_path / 'backbone.safetensors'),
        'out': tmp_path / 'run',
    }


def test_weights_for_rgb_and_one_channel(call: dict) -> None:
    plan = plan_fine_tuning(**call, in_channels=1, epochs='auto')
    assert "sum over RGB, timm's rule" in plan.notes[0]
    cfg = Config.fromfile(call['out'] / 'config.py')
    assert cfg.model.backbone.in_channels == len(cfg.mean) == 1
    assert cfg.pretrained == str(call['out'] / 'init.pth')
    # Measured: the weights come from images of 8 bits.
    assert 3000 < cfg.value_range[1] < 4096
    assert cfg.test_pipeline[0].channels == 1


def test_colours_read_as_grey_are_reported(call: dict) -> None:
    def reason() -> str:
        plan = plan_fine_tuning(**call, in_channels=1)
        return next(s.reason for s in plan.settings if s.name == 'mean')

    assert reason() == ''
    # Some of them are trained on, others held out.
    for index in range(12):
        place = call['data'] / 'ab'[index % 2] / f'{index}.png'
        Image.fromarray(picture(index)[0]).save(place)
    assert 'colours are read as grey' in reason()


def test_other_settings(call: dict) -> None:
    given = {'num_workers': 3, 'optim_wrapper.optimizer.weight_decay': 0.2}
    plan_fine_tuning(**call, overrides=given, seed=5, devices=2)
    cfg = Config.fromfile(call['out'] / 'config.py')
    assert cfg.train_dataloader.num_workers == 3
    assert cfg.optim_wrapper.optimizer.weight_decay == 0.2
    assert cfg.randomness.seed == 5
    # 10 images to train on; two updates an epoch on each of two devices.
    assert cfg.batch_size == 2
    for wrong in ({'batch_size': 2}, {'no_such_setting': 1}):
        with pytest.raises(ConfigError):
            plan_fine_tuning(**call, overrides=wrong)


def test_a_backbone_of_an_own_module(call, tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(MODELS, '_module_dict', {**MODELS.module_dict})
    (tmp_path / 'own_swin.py').write_text(
        'from mixmae.models import MIMSwin\n'
        'from mixmae.registry import MODELS\n'
        "MODELS.register_module('OwnSwin', module=type("
        "'OwnSwin', (MIMSwin,), {}))\n"
    )
    write_backbone(tmp_path / 'backbone.safetensors', type='mixmae.OwnSwin')
    with pytest.raises(ValueError, match='type OwnSwin, which no imported mo'):
        plan_fine_tuning(**call)
    imports = {'custom_imports.imports': ['own_swin']}
    plan_fine_tuning(**call, overrides=imports)
    cfg = Config.fromfile(call['out'] / 'config.py')
    assert cfg.custom_imports.imports == ['own_swin']
    assert type(MODELS.build(cfg.model.backbone)).__name__ == 'OwnSwin'


def test_paths_of_the_home_folder(call, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    given = {'data': '~/classes', 'init': '~/backbone.safetensors'}
    plan_fine_tuning(**call | given, val_data='~/classes')
    cfg = Config.fromfile(call['out'] / 'config.py')
    assert cfg.pretrained == str(tmp_path / 'backbone.safetensors')
    assert '~' not in cfg.data_root


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(batch_size=100), 'batch_size=100'),
        (dict(batch_size=10, epochs=1), 'are one update'),
        (dict(epochs='ten'), "epochs must be auto, or a whole .* 'ten'"),
        (dict(value_range=(5, 1)), 'two rising numbers'),
        (dict(overrides={'no_such_setting': 1}), 'no_such_setting'),
        (dict(overrides=['num_workers=0']), 'overrides must be a dict'),
        (dict(data=['classes']), 'data must be one path, got list'),
        (dict(init=None), 'init must be one path, got NoneType'),
    ],
)
def test_a_refused_call_leaves_no_folder(call, options, words) -> None:
    with pytest.raises((ValueError, ConfigError), match=words):
        mixmae.finetune(**{**call, **options})
    assert not call['out'].exists()
