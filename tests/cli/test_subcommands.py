"""The command ``mixmae``: its table of subcommands and their dispatch."""

import contextlib
import importlib
import re
import subprocess
import sys
from itertools import pairwise

import pytest

from mixmae.cli import subcommands
from mixmae.config.failure_report import EXIT_SIGINT
from mixmae.version import _diagnosing

HEAVY = """
import sys
from mixmae.cli.subcommands import main
main(['--help'])
print(sorted({'torch', 'mmengine', 'numpy', 'argparse'} & set(sys.modules)))
"""


def test_help_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, '-c', HEAVY], capture_output=True, text=True
    )
    *lines, heavy = done.stdout.splitlines()
    assert heavy == '[]', done.stderr
    assert any(line.split()[:1] == ['check-data'] for line in lines)


@pytest.mark.parametrize(
    ('given', 'hint'),
    [('trian', 'did you mean train?'), ('xyz', 'see mixmae --help')],
)
def test_an_unknown_command_is_one_line(given, hint, capsys):
    with pytest.raises(SystemExit) as caught:
        subcommands.main([given])
    said = capsys.readouterr()
    assert caught.value.code == 2 and said.out == ''
    assert said.err == f'error: there is no command {given!r}; {hint}\n'


def test_the_exit_status_is_that_of_the_subcommand(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(sys, 'argv', ['mixmae'])
    (tmp_path / 'odd.png').write_text('no image')
    arguments = ['check-data', str(tmp_path), '--workers', '0']
    with pytest.raises(SystemExit) as caught:
        subcommands.main(arguments)
    assert caught.value.code == 1
    assert 'odd.png' in capsys.readouterr().out
    # A kind of labelled data sets comes before the folder.
    arguments[1:1] = ['image-folder']
    with pytest.raises(SystemExit) as caught:
        subcommands.main(arguments)
    assert caught.value.code == 1
    assert 'problem' in capsys.readouterr().out


@pytest.mark.parametrize('name', ['train', 'test'])
def test_errors_are_one_line_and_name_the_command(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['mixmae'])
    with pytest.raises(SystemExit) as caught:
        subcommands.main([name, '--no-such-option'])
    assert caught.value.code == 2
    assert f'usage: mixmae {name} ' in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        subcommands.main(
            [name, 'no.py', 'no.pth'][: 3 if name == 'test' else 2]
        )
    assert caught.value.code == 2
    assert (
        capsys.readouterr().err == 'error: config file no.py does not exist\n'
    )


def test_ctrl_c_during_imports_is_one_line():
    """Imports take seconds, in which a user may notice a mistake."""
    code = (
        'import os, signal, sys\n'
        # Ignored in a job that a shell has put into the background.
        'signal.signal(signal.SIGINT, signal.default_int_handler)\n'
        'class Finder:\n'
        '    def find_spec(self, name, *_):\n'
        "        if name == 'mixmae.cli.commands.stats':\n"
        '            os.kill(os.getpid(), signal.SIGINT)\n'
        'sys.meta_path.insert(0, Finder())\n'
        'from mixmae.cli import subcommands\n'
        "subcommands.main(['stats', '.'])\n"
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (
        EXIT_SIGINT,
        'error: interrupted\n',
    )


def test_the_doctor_skips_version_checks():
    assert _diagnosing(['python', '/bin/mixmae', 'doctor'])
    assert _diagnosing(['python', '-m', 'mixmae', 'doctor'])
    assert _diagnosing(['python', '-m', 'mixmae.doctor'])
    assert not _diagnosing(['python', '/bin/mixmae', 'train'])
    assert not _diagnosing(['python', 'other.py', 'doctor'])


@pytest.mark.parametrize('name', subcommands.SUMMARIES)
def test_every_argument_has_a_help_text(name, capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv', [f'mixmae {name}'])
    with contextlib.suppress(SystemExit):
        importlib.import_module(subcommands.module_of(name)).main(['--help'])
    lines = [*capsys.readouterr().out.splitlines(), '']
    for line, following in pairwise(lines):
        is_argument = re.match(r'  (-|\w+$)', line)
        described = '  ' in line.strip() or following.startswith(' ' * 20)
        assert not is_argument or described, line
