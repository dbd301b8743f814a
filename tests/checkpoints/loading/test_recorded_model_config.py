import pytest
from mmengine.config import Config

from mixmae.checkpoints.loading.recorded_model import parse_config_text
from tests.tools.running import ROOT


@pytest.mark.parametrize(
    'name', ['swin-b_8xb128_600e', 'swin-mini_scenes-128']
)
def test_a_printed_config_is_read_as_it_was(name):
    cfg = Config.fromfile(ROOT / 'configs' / 'mixmae' / f'{name}.py')
    found = parse_config_text(cfg.pretty_text)
    wanted = cfg.to_dict()
    # Config keeps tuples and all other values.
    assert found['model'] == wanted['model']
    assert found['train_dataloader'] == wanted['train_dataloader']


def test_no_code_is_run(tmp_path):
    trace = tmp_path / 'was_run'
    text = f'a = 1\nmodel = dict(x=open({str(trace)!r}, "w"))\nb = [-1, None]'
    assert parse_config_text(text) == {'a': 1, 'b': [-1, None]}
    assert not trace.exists()


def test_a_computed_value_replaces_an_earlier_plain_one():
    assert parse_config_text('a = 1\na = f()') == {}
    assert parse_config_text('a = dict(**b)\nc = dict(1)') == {}


@pytest.mark.parametrize(
    'text', ['a = (', 'import os', 'a = {}\na["b"] = 1', 'f()', '\0']
)
def test_another_text_is_refused(text):
    with pytest.raises(ValueError, match='in the checkpoint'):
        parse_config_text(text)


@pytest.mark.parametrize(
    'value',
    [
        '[' * 150 + ']' * 150,
        'dict(a=' * 150 + '1' + ')' * 150,
        '-' * 10**5 + '1',
    ],
)
def test_values_nested_without_end_are_left_out(value):
    """A recursive walk through them would exceed the stack."""
    try:
        assert parse_config_text(f'a = {value}\nb = 1') == {'b': 1}
    except ValueError as error:
        assert 'is not readable' in str(error)
