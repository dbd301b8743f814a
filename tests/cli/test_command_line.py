"""Error messages of tools: one line and exit status 2."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from mmengine.config import Config

from mixmae.cli.command_line import run_config, run_tool
from mixmae.config.config_file import apply_options
from mixmae.config.failure_report import EXIT_SIGINT, ConfigError


def arguments(path: Path, **options: object) -> Namespace:
    return Namespace(
        config=str(path),
        cfg_options=options,
        work_dir=None,
        launcher='none',
        local_rank=0,
    )


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ('name', 'content', 'expected'),
    [
        ('README.md', '# Not a config', 'OSError: Only py'),
        ('name.py', 'model = nothing', "NameError: name 'nothing'"),
        ('syntax.py', 'model = dict(', 'SyntaxError: '),
        ('zero.py', 'lr = 1 / 0', 'ZeroDivisionError: division by zero'),
        ('base.py', "_base_ = './none.py'", 'FileNotFoundError: '),
        (
            'import.py',
            "custom_imports = dict(imports=['no_such_module'])",
            'ModuleNotFoundError: ',
        ),
        ('list.json', '[1', 'JSONDecodeError: '),
    ],
)
def test_files_that_are_not_configs(tmp_path, capsys, name, content, expected):
    path = written(tmp_path / name, content)
    with pytest.raises(ConfigError, match='not a readable config'):
        run_config(arguments(path))
    with pytest.raises(SystemExit) as caught:
        run_tool(lambda: run_config(arguments(path)))
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f'error: {path} is not') and expected in line


def test_missing_data_is_reported_in_one_line(tmp_path, capsys):
    path = written(
        tmp_path / 'good.py',
        "train_dataloader = dict(dataset=dict(data_root='here'))",
    )
    key = 'train_dataloader.dataset.data_root'
    root = tmp_path / 'nowhere'

    def tool() -> Config:
        cfg = run_config(arguments(path, **{key: str(root)}))
        next((root / 'train').iterdir())
        return cfg

    with pytest.raises(SystemExit) as caught:
        run_tool(tool)
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f'error: {root}/train does not exist')
    assert f'{key}={root} ' in line and 'set it to where the data are' in line


def test_other_missing_files_keep_their_traceback(tmp_path):
    path = written(
        tmp_path / 'good.py',
        f"train_dataloader = dict(dataset=dict(data_root='{tmp_path}/data'))",
    )

    def tool() -> None:
        run_config(arguments(path))
        (tmp_path / 'elsewhere').read_bytes()

    with pytest.raises(FileNotFoundError):
        run_tool(tool)

    def second() -> None:
        """Run a tool without a config; an earlier tool's has no effect."""
        (tmp_path / 'data').read_bytes()

    with pytest.raises(FileNotFoundError):
        run_tool(second)


@pytest.mark.parametrize(
    ('name', 'given'),
    [('launcher', 'none'), ('launcher', 'pytorch'), ('work_dir', 'here')],
)
def test_options_that_have_an_argument(tmp_path, name, given):
    path = written(tmp_path / 'good.py', 'model = dict()')
    args = arguments(path, **{name: 'x'})
    setattr(args, name, given)
    flag = f'--{name.replace("_", "-")} {given} takes precedence'
    with pytest.raises(ConfigError, match=f'no effect: {flag}'):
        run_config(args)


def test_a_work_dir_by_option(tmp_path):
    path = written(tmp_path / 'good.py', 'model = dict()')
    assert run_config(arguments(path, work_dir='here')).work_dir == 'here'


def test_a_plain_option_that_cannot_be_merged_is_one_line(tmp_path):
    path = written(tmp_path / 'good.py', 'model = dict(x=[1])')
    for option in ('model.x.a', 'model.x.0.y', 'model.x.7', 'model.x.-1'):
        with pytest.raises(ConfigError, match=f'{option}=2: ') as info:
            apply_options(Config.fromfile(path), {option: 2})
        assert '\n' not in str(info.value)


@pytest.mark.parametrize(
    ('option', 'expected'),
    [
        ('model.a.1', [1, 9, [3, (4, 5)]]),
        ('model.a.2.0', [1, 2, [9, (4, 5)]]),
        ('model.a.2.1.1', [1, 2, [3, (4, 9)]]),
    ],
)
def test_elements_of_lists(tmp_path, option, expected):
    path = written(tmp_path / 'good.py', 'model = dict(a=[1, 2, [3, (4, 5)]])')
    cfg = apply_options(Config.fromfile(path), {option: 9})
    assert cfg.model.a == expected
    assert Config.fromfile(path).model.a == [1, 2, [3, (4, 5)]]


def test_several_elements_at_once(tmp_path):
    path = written(tmp_path / 'good.py', 'model = dict(a=[1, dict(b=2)])')
    options = {'model.a.0': 5, 'model.a.1.b': 6, 'model.c': 7}
    cfg = apply_options(Config.fromfile(path), options)
    assert cfg.model == dict(a=[5, dict(b=6)], c=7)


@pytest.mark.parametrize(
    ('option', 'value'),
    [
        ('default_hooks', ' '),
        ('model', [1]),
        ('train_dataloader', 0),
        ('custom_hooks', dict(type='EMAHook')),
        ('custom_hooks', ['EMAHook']),
        ('work_dir', 5),
        ('load_from', ['a.pth']),
        ('default_hooks.checkpoint.out_dir', ['a']),
        ('default_hooks.checkpoint.out_dir', ''),
        # MMEngine looks for a checkpoint in the work folder, and finds none.
        ('resume', 'work_dirs/a/epoch_1.pth'),
    ],
)
def test_parts_of_another_kind(tmp_path, option, value):
    path = written(tmp_path / 'good.py', 'model = None')
    with pytest.raises(ConfigError, match=f'{option}=.* must be '):
        run_config(arguments(path, **{option: value}))


SPLITS = """
width = 3
size = 4
train_dataloader = val_dataloader = dict(size=size)
test_dataloader = dict(size=size, width=width)
"""


@pytest.mark.parametrize(
    ('mode', 'option', 'expected'),
    [
        (None, 'test_dataloader.size', ''),
        ('training', 'train_dataloader.size', ''),
        ('training', 'val_dataloader.size', ''),
        ('training', 'size', ''),
        ('training', 'width', 'has no effect here'),
        (
            'training',
            'test_dataloader.size',
            'does not read test_dataloader; set train_dataloader.size or '
            'val_dataloader.size, or leave',
        ),
        ('training', 'test_evaluator', 'read test_evaluator; leave it out'),
        ('test', 'test_dataloader.size', ''),
        ('test', 'width', ''),
        ('test', 'size', ''),
        ('test', 'val_dataloader.size', 'set test_dataloader.size, or'),
        ('test', 'load_from', 'leave it out'),
        ('test', 'optim_wrapper.optimizer.lr', 'leave it out'),
    ],
)
def test_options_that_a_run_does_not_read(tmp_path, mode, option, expected):
    args = arguments(written(tmp_path / 'a.py', SPLITS), **{option: 9})
    if not expected:
        run_config(args, mode)
        return
    with pytest.raises(ConfigError, match=f'--cfg-options {option}:.*') as e:
        run_config(args, mode)
    assert expected in str(e.value)


def test_options_of_a_disabled_validation(tmp_path, capsys):
    """They are often given for both loaders at once."""
    path = written(tmp_path / 'a.py', SPLITS)
    sizes = {'val_dataloader.size': 9, 'train_dataloader.size': 8}
    args = arguments(path, **sizes)
    args.no_validate = True
    cfg = run_config(args, 'training')
    assert cfg.train_dataloader.size == 8 != cfg.val_dataloader.size
    assert capsys.readouterr().err == (
        'warning: --cfg-options val_dataloader.size has no effect with '
        '--no-validate\n'
    )


FAILED_WORKER = """Caught {kind} in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "/site-packages/torch/utils/data/_utils/worker.py", line 9, in loop
    data = fetcher.fetch(index)
  File "{file}", line 46, in __call__
    raise {kind}(
{kind}: set sampler, "here"
"""


def test_errors_of_our_code_in_a_worker(capsys):
    """PyTorch passes them on as text, from a frame of its own."""
    own = str(Path(run_tool.__code__.co_filename))
    for kind, file, status in (
        (ValueError, own, 2),
        (FileNotFoundError, own, 2),
        (ValueError, '/site-packages/cv2/load.py', None),
        (KeyError, own, None),
    ):
        text = FAILED_WORKER.format(kind=kind.__name__, file=file)

        def tool(kind=kind, text=text):
            exec('raise kind(text)', {'kind': kind, 'text': text})

        with pytest.raises((SystemExit, kind)) as caught:
            run_tool(tool)
        error = capsys.readouterr().err
        if status:
            assert caught.value.code == status
            assert error == 'error: set sampler, "here"\n'
        else:
            assert caught.type is kind


@pytest.mark.parametrize('text', ['few', 'more than a buffer' * 1000])
def test_a_reader_of_the_output_that_has_ended(capsys, monkeypatch, text):
    """As in ``mixmae config | head -1``."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, 'w') as out:
        monkeypatch.setattr(sys, 'stdout', out)
        with pytest.raises(SystemExit) as caught:
            run_tool(lambda: print(text))
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('error: the reader of the output has ended')


def test_ctrl_c_is_one_line(capsys):
    def tool():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        run_tool(tool)
    assert caught.value.code == EXIT_SIGINT
    assert capsys.readouterr().err == 'error: interrupted\n'
