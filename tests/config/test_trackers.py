"""Experiment trackers of a run, with the real packages."""

import importlib.util
import sqlite3

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.config.failure_report import ConfigError
from mixmae.config.trackers import add_trackers
from tests.engine.tiny_run import tiny_config


@pytest.fixture(autouse=True)
def no_usage_statistics(monkeypatch):
    """Keep the packages from reporting to their makers."""
    monkeypatch.setenv('DO_NOT_TRACK', 'true')
    monkeypatch.setenv('WANDB_ERROR_REPORTING', 'false')


def kinds(cfg):
    return [one['type'] for one in cfg.visualizer.vis_backends]


@pytest.fixture
def installed(monkeypatch):
    """Pretend that all tracker packages are installed."""
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: object())


def test_a_tracker_is_added_once(installed):
    local = dict(type='LocalVisBackend')
    cfg = Config(dict(visualizer=dict(type='V', vis_backends=[local])))
    add_trackers(cfg, ['wandb'])
    add_trackers(cfg, ['wandb', 'tensorboard'])
    assert kinds(cfg) == [
        'LocalVisBackend',
        'WandbVisBackend',
        'TensorboardVisBackend',
    ]
    assert cfg.visualizer.type == 'V'


def test_names_what_is_missing(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ConfigError, match='pip install wandb'):
        add_trackers(Config({}), ['wandb'])
    with pytest.raises(ConfigError, match='use tensorboard, wandb, mlflow'):
        add_trackers(Config({}), ['wandbb'])


def train(folder, tracker, name):
    config = Config(tiny_config(folder))
    config.experiment_name = name
    config.log_level = 'ERROR'
    hook = dict(type='ReconstructionHook', interval=3, num_images=2)
    config.custom_hooks = [hook]
    add_trackers(config, [tracker])
    Runner.from_cfg(config).train()


def test_tensorboard_receives_scalars_and_images(tmp_path, request):
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )

    train(tmp_path, 'tensorboard', request.node.name)
    (events,) = tmp_path.glob('*/vis_data/events.out.tfevents.*')
    found = EventAccumulator(str(events)).Reload()
    assert {'loss', 'reconstruction/ratio'} <= set(found.Tags()['scalars'])
    assert found.Tags()['images'] == ['reconstruction']


def logged_keys(path):
    """Names of values in a record of W&B; it writes a/b as one key or two."""
    from wandb.proto.wandb_internal_pb2 import Record
    from wandb.sdk.internal.datastore import DataStore

    store = DataStore()
    store.open_for_scan(str(path))
    keys = set()
    while (data := store.scan_data()) is not None:
        items = Record.FromString(data).history.item
        keys.update('/'.join(one.nested_key) or one.key for one in items)
    return keys


def test_wandb_receives_scalars_and_images(tmp_path, request, monkeypatch):
    wandb = pytest.importorskip('wandb')
    monkeypatch.setenv('WANDB_MODE', 'offline')
    train(tmp_path, 'wandb', request.node.name)
    # Waits for its process to write the file, as the end of Python does.
    wandb.teardown()
    run = 'offline-run-*'
    (record,) = tmp_path.glob(f'*/vis_data/wandb/{run}/run-*.wandb')
    assert {'loss', 'reconstruction/ratio'} <= logged_keys(record)
    assert list(tmp_path.glob(f'*/vis_data/wandb/{run}/files/media/images/*'))


def test_mlflow_receives_scalars_and_images(tmp_path, request):
    pytest.importorskip('mlflow', minversion='3')
    train(tmp_path, 'mlflow', request.node.name)
    with sqlite3.connect(tmp_path / 'mlflow.db') as database:
        rows = database.execute('select distinct key from metrics').fetchall()
    assert {('loss',), ('reconstruction/ratio',)} <= set(rows)
    assert list(tmp_path.glob('mlflow_artifacts/**/reconstruction_3.png'))
