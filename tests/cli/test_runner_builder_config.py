import copy
import pickle

import pytest
from mmengine.config import Config
from yapf.yapflib import yapf_api

from mixmae.cli.runner_builder import FormattedConfig, build_runner
from tests.engine.numbers_run import numbers_config
from tests.engine.tiny_run import ROOT

DEMO = ROOT / 'configs/mixmae/swin-demo_scenes-64.py'


def count_formatting(monkeypatch) -> list:
    """Return the list of arguments that yapf is called with from here on."""
    format_code, texts = yapf_api.FormatCode, []

    def count(text, *args, **kwargs):
        texts.append(text)
        return format_code(text, *args, **kwargs)

    monkeypatch.setattr(yapf_api, 'FormatCode', count)
    return texts


def test_is_formatted_once_as_by_mmengine(monkeypatch, tmp_path):
    plain = Config.fromfile(DEMO)
    texts = count_formatting(monkeypatch)
    cfg = FormattedConfig.of(plain)
    again = copy.deepcopy(cfg)
    assert cfg.pretty_text == cfg.dump() == plain.pretty_text
    assert cfg.filename == plain.filename and len(texts) == 2
    # A copy carries it along, or formats its own.
    carried = copy.deepcopy(cfg)
    assert carried.pretty_text == plain.pretty_text and len(texts) == 3
    assert again.pretty_text == cfg.pretty_text and len(texts) == 4
    cfg.dump(tmp_path / 'demo.py')
    assert (tmp_path / 'demo.py').read_text() == cfg.pretty_text
    # Nothing of it is a key of the config.
    assert set(cfg) == set(plain)


def test_a_changed_config_is_formatted_again():
    plain = Config(dict(a=1, b=dict(c=[1, dict(d=2)])))
    cfg = FormattedConfig.of(plain)
    before = cfg.pretty_text
    cfg.b.c[1]['d'] = 'other'
    assert cfg.pretty_text == plain.pretty_text != before
    plain.a = 2
    assert cfg.a == 2 and 'a = 2' in cfg.pretty_text
    copied = copy.deepcopy(cfg)
    copied.a = 3
    assert 'a = 3' in copied.pretty_text and 'a = 2' in cfg.pretty_text
    again = pickle.loads(pickle.dumps(cfg))
    assert again.pretty_text == cfg.pretty_text


def test_a_training_formats_its_config_once(monkeypatch, tmp_path):
    """Log, files, message hub and checkpoints share one text."""
    config = numbers_config(tmp_path)
    texts = count_formatting(monkeypatch)
    runner = build_runner(config)
    runner.train()
    assert len(texts) == 1
    assert runner.message_hub.get_info('cfg') == runner.cfg.pretty_text


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'own.py'
    path.write_text('# A comment.\na = 1\n')
    return FormattedConfig.of(Config.fromfile(path))


def test_the_written_config_reads_back(config, tmp_path):
    for name in ('b.py', 'b.json', 'b.yaml'):
        config.dump(str(tmp_path / name))
        assert Config.fromfile(tmp_path / name).to_dict() == {'a': 1}
    assert config.dump() == config.pretty_text


def test_the_users_file_is_unchanged(config, tmp_path):
    """The work folder may be the folder of the config."""
    config.dump(tmp_path / 'own.py')
    assert '# A comment.' in (tmp_path / 'own.py').read_text()


def test_a_link_is_not_followed(config, tmp_path):
    (tmp_path / 'precious').write_text('precious')
    (tmp_path / 'b.py').symlink_to('precious')
    config.dump(tmp_path / 'b.py')
    assert (tmp_path / 'precious').read_text() == 'precious'
    assert not (tmp_path / 'b.py').is_symlink()
