import pytest

from mixmae.apis.trained_network import network_config
from mixmae.checkpoints.conversion.conversion import read_source
from mixmae.config.config_file import import_failure, read_config
from tests.apis.tiny_setup import tiny_checkpoint


def test_reads(tmp_path):
    path = tmp_path / 'a.py'
    path.write_text('a = 1\nb = dict(c=2)')
    assert read_config(path).to_dict() == {'a': 1, 'b': {'c': 2}}
    assert read_config(str(path)).b.c == 2


@pytest.mark.parametrize(
    ('name', 'text', 'said'),
    [
        ('README.md', '# A page', 'OSError: Only py/yml/yaml/json'),
        ('a.py', 'model = (', 'SyntaxError'),
        ('a.py', 'a = b', "NameError: name 'b' is not defined"),
        ('a.py', 'a = 1 / 0', 'ZeroDivisionError: '),
        ('a.py', '_base_ = "gone.py"', 'gone.py'),
        ('a.json', '{', 'JSONDecodeError'),
        ('a.yml', 'a: [', 'ParserError'),
    ],
)
def test_every_error_is_one_line(tmp_path, name, text, said):
    """The reader and all tools that use it report one line."""
    path = tmp_path / name
    path.write_text(text)
    checkpoint = tiny_checkpoint(tmp_path / 'epoch_1.pth')
    for read in (
        read_config,
        lambda path: network_config(path, None),
        lambda path: read_source(checkpoint, path),
    ):
        with pytest.raises(ValueError, match='not a readable config') as error:
            read(path)
        line = str(error.value)
        assert str(path) in line and said in line and '\n' not in line


def test_missing_files(tmp_path):
    for path in (tmp_path / 'none.py', tmp_path):
        with pytest.raises(ValueError, match='config file .* does not exist'):
            read_config(path)


@pytest.mark.parametrize('address', ['s3://bucket/runs', 'https://u:p@host/x'])
@pytest.mark.parametrize(
    'key', ['work_dir', 'default_hooks.checkpoint.out_dir']
)
def test_runs_write_to_local_folders(tmp_path, key, address):
    path = tmp_path / 'a.py'
    path.write_text('work_dir = None\ndefault_hooks = dict(checkpoint=dict())')
    with pytest.raises(ValueError, match=f'{key}=.*local path') as error:
        read_config(path, {key: address})
    assert 'u:p' not in str(error.value)


def test_a_cause_that_was_never_raised_has_no_place():
    try:
        raise ImportError('late') from RuntimeError('early')
    except ImportError as error:
        assert import_failure(error) == 'RuntimeError: early'
