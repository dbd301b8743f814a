"""Base configs of the package, in a checkout and in a wheel."""

import sys

import pytest

from mixmae.config import config_paths
from mixmae.config.config_file import read_config
from mixmae.config.failure_report import ConfigError

NAME = 'mixmae::mixmae/swin-demo_scenes-64'


@pytest.mark.parametrize('suffix', ['', '.py'])
def test_a_config_of_the_checkout(tmp_path, suffix):
    path = tmp_path / 'mine.py'
    path.write_text(f"_base_ = '{NAME}{suffix}'\nmax_epochs = 3\n")
    cfg = read_config(path, {'batch_size': 8})
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[1].end == 3
    assert cfg.train_dataloader.batch_size == 8
    assert read_config(path).model.type == 'MaskedImageModel'


def test_a_config_of_the_wheel(tmp_path, monkeypatch):
    folder = tmp_path / '.mim' / 'configs' / 'mixmae'
    folder.mkdir(parents=True)
    (folder / 'swin-demo_scenes-64.py').write_text('model = dict(of=1)')
    monkeypatch.setattr(config_paths, 'PACKAGE', tmp_path)
    (tmp_path / 'mine.py').write_text(f"_base_ = ['{NAME}.py']")
    assert read_config(tmp_path / 'mine.py').model == dict(of=1)


def test_a_config_of_mmseg(tmp_path):
    """The distribution of the fork is not called mmsegmentation."""
    pytest.importorskip('mmseg')
    path = tmp_path / 'mine.py'
    path.write_text("_base_ = 'mmseg::_base_/schedules/schedule_20k.py'")
    assert read_config(path).train_cfg.max_iters == 20000


@pytest.mark.parametrize(
    'name', ['mixmae::nothing.py', 'mixmae::../setup.py', 'mixmae::mixmae']
)
def test_names_of_no_config(tmp_path, name):
    path = tmp_path / 'mine.py'
    path.write_text(f"_base_ = '{name}'")
    with pytest.raises(ConfigError, match='no such config in .*configs;'):
        read_config(path)


@pytest.mark.parametrize(
    ('code', 'expected'),
    [
        ('import no_such_package', "No module named 'no_such_package'"),
        ('from os import nothing', "cannot import name 'nothing' from 'os'"),
        ('def f():\n    raise ImportError("mine")\nf()', 'ImportError: mine'),
    ],
)
def test_a_plug_in_that_fails_shows_its_own_error(
    tmp_path, monkeypatch, code, expected
):
    (tmp_path / 'own_plugin.py').write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / 'mine.py'
    path.write_text("custom_imports = dict(imports=['own_plugin'])")
    with pytest.raises(ConfigError, match=expected) as caught:
        read_config(path)
    assert 'own_plugin.py, line ' in str(caught.value)


def test_a_plug_in_that_is_not_there(tmp_path):
    path = tmp_path / 'mine.py'
    path.write_text("custom_imports = dict(imports=['no_such_plugin'])")
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert str(caught.value).endswith("No module named 'no_such_plugin'")


def test_an_option_imports_modules(tmp_path, monkeypatch):
    """They are imported after the file has been read."""
    (tmp_path / 'by_option.py').write_text('')
    (tmp_path / 'failing_option.py').write_text('1 / 0')
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / 'mine.py'
    path.write_text('train_cfg = dict()')
    read_config(path, {'custom_imports.imports': ['by_option']})
    assert sys.modules.pop('by_option')
    read_config(path, {'custom_imports': dict(imports='by_option')})
    assert sys.modules.pop('by_option')
    for wrong, said in (
        (dict(imports=['failing_option']), 'ZeroDivisionError.*line 1'),
        (dict(imports=['not_there']), "No module named 'not_there'"),
        (dict(import_=['by_option']), 'TypeError'),
        (['by_option'], 'custom_imports=.*TypeError'),
    ):
        with pytest.raises(ConfigError, match=said):
            read_config(path, {'custom_imports': wrong})
