"""Runs of the evidence campaign and their stored results."""

import json

import pytest
from mmengine.config import Config
from safetensors import safe_open

from benchmarks.evidence.recipe import ROOT, recipe
from benchmarks.evidence.specs import (
    CAMPAIGN,
    FINE_TUNING,
    METHODS,
    RELEASED,
    TASKS,
    Pretraining,
    Transfer,
)

RESULTS = sorted((ROOT / 'docs/evidence/results').glob('*.json'))
BY_NAME = {spec.name: spec for spec in CAMPAIGN}


def backbone_of(path):
    return Config.fromfile(ROOT / path).model.backbone.to_dict()


def test_a_fine_tuning_starts_from_a_run_of_the_same_images():
    for spec in CAMPAIGN:
        if not isinstance(spec, Pretraining) and spec.start != 'scratch':
            start = BY_NAME[spec.start]
            assert isinstance(start, Pretraining)
            assert start.epochs and start.images == spec.images


@pytest.mark.parametrize('name', RELEASED)
def test_released_weights_are_of_the_run_they_stand_for(name):
    assert name in BY_NAME
    with safe_open(ROOT / RELEASED[name], 'pt') as file:
        card = json.loads(file.metadata()['card'])
    assert card['command'].split()[-1] == name


def test_the_selection_is_not_measured_on_test_images():
    """Selection runs also precede every run that depends on them."""
    images = [spec.images for spec in CAMPAIGN]
    assert images == sorted(images, key='selection'.__ne__)
    for spec in CAMPAIGN:
        studies = getattr(spec, 'variant', '').startswith('lr')
        assert studies == (spec.images == 'selection')


def test_methods_differ_in_the_method_alone():
    configs = {
        name: Config.fromfile(ROOT / path).to_dict()
        for name, path in METHODS.items()
    }
    for config in configs.values():
        model = config['model']
        assert model['data_preprocessor'].pop('masking')
        assert model.pop('neck')['type'] and model.pop('head')['type']
        # Selected for each method.
        assert config['optim_wrapper']['optimizer'].pop('lr') > 0
    assert configs['mixmae'] == configs['um_mae'] == configs['simmim']
    pretrained = configs['mixmae']['model']['backbone']
    # Both have the default number of channels.
    for key in ('type', 'in_channels'):
        del pretrained[key]
    assert backbone_of(FINE_TUNING).items() >= pretrained.items()


@pytest.mark.parametrize('task', TASKS)
def test_other_tasks_take_the_same_backbone(task):
    pytest.importorskip('mmdet')
    tuned = backbone_of(TASKS[task].config)
    pretrained = backbone_of(METHODS['mixmae'])
    for key in ('type', 'in_channels'):
        del pretrained[key]
    assert tuned.items() >= pretrained.items()


def test_cells_follow_the_structure():
    for name, path in METHODS.items():
        model = Config.fromfile(ROOT / path).model
        backbone = model.backbone
        stride = backbone.patch_size << (len(backbone.arch.depths) - 1)
        cell = {'mixmae': stride, 'um_mae': stride // 2}.get(name)
        assert cell in (None, model.neck.cell)
        if name == 'mixmae':
            assert (backbone.img_size // model.neck.cell) ** 2 >= 36


@pytest.mark.parametrize('path', sorted({s.config for s in CAMPAIGN}))
def test_options_override_existing_keys(path):
    """A misspelt option would be added to the config without an effect."""
    if path in [task.config for task in TASKS.values()]:
        pytest.importorskip('mmdet')
    config = Config.fromfile(ROOT / path).to_dict()
    mine = [spec for spec in CAMPAIGN if spec.config == path]
    for key in {key for spec in mine for key in spec.options()}:
        place = config
        for part in key.split('.'):
            place = place[int(part) if part.isdecimal() else part]


@pytest.mark.parametrize('path', RESULTS, ids=lambda path: path.stem)
def test_stored_results_belong_to_todays_runs(path):
    """The stored settings are those of today's campaign and config."""
    result = json.loads(path.read_text())
    spec = BY_NAME[path.stem]
    if isinstance(spec, Transfer):
        pytest.importorskip('mmdet')
    assert result['kind'] == type(spec).__name__
    assert result['spec'] == spec._asdict()
    assert result['config'] == spec.config
    assert result['options'] == json.loads(json.dumps(spec.options()))
    assert result['recipe'] == recipe(spec)
    assert all(0 <= value <= 200 for value in result['figures'].values())
    epochs = getattr(spec, 'epochs', 0)
    assert len(result['loss_of_each_epoch']) == epochs
    trains = epochs > 0 or isinstance(spec, Transfer)
    assert ('train' in result['processor_seconds']) == trains
    assert min(result['processor_seconds'].values()) > 0
    # The evaluated model is the trained one.
    model = [key for key in result['options'] if key.startswith('model.')]
    for line in result['commands']:
        assert all(key in line for key in model)
    # Folders of the machine are not published.
    assert not [line for line in result['commands'] if ' /' in line]
