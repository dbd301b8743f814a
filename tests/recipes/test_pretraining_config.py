"""Whole pretraining config from images, a network and a method."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mixmae.config.config_file import apply_options
from mixmae.config.config_variables import read_with_bases
from mixmae.config.failure_report import ConfigError
from mixmae.config.option_values import is_variable
from mixmae.preflight.config_key_check import unread_variables
from mixmae.recipes.config_template import settings_table
from mixmae.recipes.pretraining_config import plan_pretraining
from mixmae.recipes.pretraining_options import PretrainingOptions
from mixmae.registry import MODELS
from tests.datasets.packed_pictures import pack_pictures
from tests.engine.tiny_run import ROOT
from tests.recipes.photos import write_photos


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp('my photos')
    write_photos(folder, 40)
    return folder


@pytest.fixture
def plan(photos):
    def call(**options):
        given = dict(data=photos, model='swin-mini', devices='cpu')
        return plan_pretraining(PretrainingOptions(**given | options))

    return call


def test_the_config_is_that_of_the_table(plan, tmp_path):
    made = plan(epochs=6)
    cfg = Config.fromfile(made.write(tmp_path))
    rows = {one.name: one.value for one in made.rows}
    for name in ('img_size', 'batch_size', 'max_epochs', 'lr'):
        assert cfg[name] == rows[name]
    assert cfg.train_dataloader.batch_size == cfg.batch_size
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[1].end == 6
    assert cfg.model.backbone.img_size == cfg.img_size
    # The folder may be moved, and the images as well.
    assert cfg.train_data[0].ann_file == str(tmp_path / 'data/train.txt')
    assert cfg.train_data[0].data_root == cfg.data_root
    lists = [
        (tmp_path / f'data/{name}.txt').read_text().splitlines()
        for name in ('train', 'val')
    ]
    assert [len(one) for one in lists] == [38, 2]
    table = settings_table(made.rows)
    assert max(map(len, table.splitlines())) < 80
    assert all(len(line) < 80 for line in made.text.splitlines())


def test_shards_alone_are_the_data_root(plan, photos, tmp_path):
    """Preflight warns of a data_root that no data set uses."""
    packed = tmp_path / 'packed'
    pack_pictures(photos, packed, shard_bytes=2**20)
    made = plan(data=packed)
    path = made.write(tmp_path / 'out')
    cfg = read_with_bases(path)
    assert cfg.data_root == str(packed) and not [*unread_variables(cfg)]
    for one in cfg.train_data + cfg.val_data:
        assert one.data_root == str(packed)
    mixed = Config.fromfile(plan(data=[packed, photos]).write(tmp_path / 'b'))
    assert [one.data_root for one in mixed.train_data] == [
        str(photos),
        str(packed),
    ]


def test_the_learning_rate_is_for_the_batch_of_all_devices(plan, tmp_path):
    """--auto-scale-lr compares with it, whatever batch an option sets."""
    path = plan(devices=2, epochs=2).write(tmp_path)
    batch = Config.fromfile(path).batch_size
    for options in ({}, {'batch_size': 1}):
        cfg = apply_options(read_with_bases(path), options)
        assert cfg.auto_scale_lr.base_batch_size == 2 * batch


def test_bands_and_12_bits(tmp_path):
    generator = np.random.default_rng(0)
    for index in range(12):
        pixels = generator.integers(100, 4000, (64, 64, 4)).astype(np.uint16)
        np.save(tmp_path / f'{index}.npy', pixels)
    options = dict(data=tmp_path, model='swin-mini', devices='cpu')
    made = plan_pretraining(PretrainingOptions(**options, in_channels=4))
    cfg = Config.fromfile(made.write(tmp_path / 'out'))
    low, high = cfg.value_range
    assert 100 <= low < 150 and 3950 < high < 4000
    assert cfg.model.backbone.in_channels == len(cfg.mean) == 4
    for step in (cfg.train_pipeline[1], cfg.test_pipeline[0]):
        assert step.channels == 4 and step.value_range == (low, high)
    with pytest.raises(ValueError, match='cannot become in_channels=3'):
        plan_pretraining(PretrainingOptions(**options))


def test_small_photos_are_not_enlarged(plan):
    assert 'img_size = 64\n' in plan().text
    assert 'img_size = 96\n' in plan(image_size=96).text


@pytest.mark.parametrize('method', ['um-mae', 'simmim'])
def test_other_methods(plan, method, tmp_path):
    cfg = Config.fromfile(plan(method=method).write(tmp_path))
    kind = {'um-mae': 'UMMAENeck', 'simmim': 'SimMIMNeck'}[method]
    assert cfg.model.neck.type == kind


@pytest.mark.parametrize(
    ('model', 'method'),
    [
        ('swin-mini', 'mixmae'),
        ('pvt-tiny', 'um-mae'),
        ('twins-svt-small', 'mixmae'),
        ('vit-tiny', 'simmim'),
    ],
)
def test_every_family_learns(plan, model, method, tmp_path):
    made = plan(model=model, method=method, image_size=64)
    cfg = Config.fromfile(made.write(tmp_path))
    with DefaultScope.overwrite_default_scope('mixmae'):
        built = MODELS.build(cfg.model)
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    data = built.data_preprocessor(dict(inputs=images), training=True)
    built(**data, mode='loss')['loss'].backward()
    assert built.backbone.patch_embed.proj.weight.grad.abs().sum() > 0


def test_the_model_of_a_config(plan, tmp_path):
    path = ROOT / 'configs/um_mae/swin-mini-um-mae_imagenette-128.py'
    cfg = Config.fromfile(plan(model=str(path)).write(tmp_path))
    theirs = Config.fromfile(path).to_dict()['model']
    ours = cfg.to_dict()['model']
    assert ours['backbone'].pop('init_cfg') is None
    assert ours == theirs
    with pytest.raises(ValueError, match='method=mixmae, but'):
        plan(model=str(path), method='mixmae')


def test_overrides_equal_options_of_the_written_config(plan, tmp_path):
    options = {
        'num_workers': 0,
        'network.with_cp': 'mlp',
        'model.neck.decoder.depth': 1,
        'optim_wrapper.paramwise_cfg': {'norm_decay_mult': 0.5},
        'default_hooks.throughput': None,
        'param_scheduler.0.start_factor': 0.01,
        'find_unused_parameters': True,
    }
    plain = read_with_bases(plan().write(tmp_path / 'plain'))
    cfg = read_with_bases(plan(overrides=options).write(tmp_path / 'own'))
    expected = apply_options(plain, options).to_dict()
    found = cfg.to_dict()
    for one in (expected, found):
        # The folders differ, and a variable may be a part of the model.
        for name in [key for key in one if is_variable(cfg, key)]:
            del one[name]
        for name in ('train', 'val', 'test'):
            del one[f'{name}_dataloader']['dataset']
    assert found == expected


def test_the_table_shows_the_warm_up_of_the_config(plan, tmp_path):
    for options in ({}, {'warmup_epochs': 0.3}):
        made = plan(epochs=9, overrides=options)
        cfg = Config.fromfile(made.write(tmp_path / str(len(options))))
        [row] = [one for one in made.rows if one.name == 'warmup_epochs']
        assert row.value == pytest.approx(cfg.warmup_epochs, abs=0.005)
        assert cfg.warmup_epochs == options.get('warmup_epochs', 1)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(model='swin-tinny'), 'did you mean swin-tiny'),
        (dict(model='vit-tiny'), 'class token'),
        (dict(image_size=70), 'multiple of 16.*64 or 80'),
        (dict(in_channels=0), 'in_channels must be'),
        (dict(seed=-1), 'seed must be a whole number of 0 to'),
        (dict(seed=2**32), 'seed must be'),
        (dict(seed=1.0), 'seed must be'),
        (dict(value_range=(3, 1)), 'two rising numbers'),
        (dict(value_range=(0, 9)), 'has no effect'),
        (dict(epochs=0), 'epochs must be auto'),
        (dict(batch_size=1.5), 'batch_size must be auto'),
        (dict(method='mae'), 'must be one of'),
        (dict(precision='int8'), 'precision must be'),
        (dict(init='nowhere.pth'), 'there is no checkpoint'),
        (dict(model='nowhere.py'), 'nowhere.py'),
        (dict(overrides={'max_epochs': 3}), 'use the argument epochs'),
        (dict(overrides={'no_such': 3}), 'no_such is not a key'),
    ],
)
def test_bad_arguments_are_one_line(plan, options, words):
    with pytest.raises((ValueError, ConfigError), match=words) as caught:
        plan(**options)
    assert '\n' not in str(caught.value)


def test_images_that_cannot_be_read_are_said_before_the_run(tmp_path):
    """A run stops at more than a few of them."""
    write_photos(tmp_path, 20)
    for number in range(6):
        (tmp_path / f'half_{number}.jpg').write_bytes(b'\xff\xd8\xff\xe0')
    made = plan_pretraining(
        PretrainingOptions(data=tmp_path, model='swin-mini', devices='cpu')
    )
    (note,) = [one for one in made.notes if 'check-data' in one]
    assert note.startswith('6 of 26 images') and 'half_0.jpg' in note
