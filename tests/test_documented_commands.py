"""Commands on the pages: known to our parsers, with files that exist.

Nothing is run here, but in test_run_commands.py. Names in capitals, folders of
data and checkpoints stand for those of a reader.
"""

import argparse
import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mixmae.cli.subcommands import SUMMARIES, module_of
from mixmae.config.config_file import read_config
from tests.test_documents import DOCUMENTS, HISTORY, ROOT

PAGES = sorted({*DOCUMENTS} - HISTORY)
BLOCK = re.compile(
    r'^ *```(?:shell|sh|bash|console)\n(.*?)^ *```', re.M | re.S
)
INLINE = re.compile(r'`((?:mixmae|python|make|sh|tools/\w+\.sh) [^`]+)`')
OWN_FOLDERS = ('configs', 'tools', 'docs', 'examples', 'benchmarks', 'tests')
# Programs of others and of the shell.
OTHERS = frozenset({
    '.', '[', 'export', 'for', 'done', 'sleep', 'break', 'scontrol',
    'pip', 'mim', 'tensorboard', 'mlflow', 'ssh', 'git', 'grep',
})  # fmt: skip
# Arguments of the scripts before those of the Python program.
SCRIPTS = {
    'dist_train.sh': ('train', lambda a: [a[0], *a[2:]]),
    'dist_test.sh': ('test', lambda a: [a[0], a[1], *a[3:]]),
    'slurm_train.sh': ('train', lambda a: [a[2], *a[4:]]),
    'slurm_test.sh': ('test', lambda a: [a[2], a[3], *a[4:]]),
}


# An option, since `check-data` looks at arguments before it parses them.
IN_A_SENTENCE = '--in-a-sentence'


class Parsed(Exception):
    """Carries the arguments of a command instead of running it."""


@pytest.fixture(autouse=True)
def only_parse(monkeypatch):
    """Let every parser raise ``Parsed``.

    In a sentence a command may lack arguments, and its last option a value,
    but it has no unknown ones.
    """
    parse = argparse.ArgumentParser.parse_args

    def parse_args(parser, args=None, namespace=None):
        words = list(sys.argv[1:] if args is None else args)
        if words[:1] == [IN_A_SENTENCE]:
            del words[0]
            for action in parser._actions:
                action.required = False
            # `--out` alone names an option.
            if words and words[-1] in parser._option_string_actions:
                words.pop()
        raise Parsed(parse(parser, words, namespace))

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', parse_args)


def commands(text: str) -> Iterator[tuple[bool, list[str]]]:
    """Yield whether a command stands in a sentence, and its words."""
    for block in BLOCK.findall(text):
        for line in block.replace('\\\n', ' ').splitlines():
            yield from ((False, words) for words in _commands(line))
    for span in INLINE.findall(text):
        line = ' '.join(span.split())
        yield from ((True, words) for words in _commands(line))


def _commands(line: str) -> Iterator[list[str]]:
    # Optional arguments, variables of loops, and what is left out.
    line = re.sub(r'\$\{\w+\}', '', line.replace(' [--', ' --'))
    line = re.sub(r'(\w)\](?=\s|$)', r'\1', line)
    line = re.sub(r'\$[a-z]+', '0', line)
    if '...' in line.replace('work_dirs/...', 'work_dirs/x'):
        return
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ';']:
        if set(word) <= set(';&|'):
            yield from filter(None, [_program(words)])
            words = []
        else:
            words.append(word)


def _program(words: list[str]) -> list[str]:
    """Return a command without assignments and what wraps it."""
    words = list(words)
    while words and (re.match(r'[A-Z_]+=', words[0]) or words[0] == 'do'):
        del words[0]
    if words and words[0] == 'srun':
        del words[0]
        while words and words[0].startswith('-'):
            del words[0]
    # Options that stand alone, of any command.
    return [] if words and words[0].startswith('-') else words


def parsed(
    words: list[str], monkeypatch, sentence: bool = False
) -> argparse.Namespace | None:
    """Return the arguments of a command of ours; None of another one."""
    program, arguments = words[0], words[1:]
    marker = [IN_A_SENTENCE] * sentence
    if program.endswith('python') and arguments:
        program, arguments = arguments[0], arguments[1:]
        if program == '-m':
            program, arguments = arguments[0], arguments[1:]
            if program == 'mixmae':
                return parsed(['mixmae', *arguments], monkeypatch, sentence)
            if program == 'mixmae.doctor':
                return _of_command('doctor', [*marker, *arguments])
            program = program.replace('.', '/')
            package = (ROOT / program).is_dir()
            program += '/__main__.py' if package else '.py'
        return _of_file(ROOT / program, [*marker, *arguments], monkeypatch)
    if program == 'mixmae':
        if arguments[0] in ('--help', '--version'):
            return None
        assert arguments[0] in SUMMARIES, arguments[0]
        return _of_command(arguments[0], [*marker, *arguments[1:]])
    if Path(program).name in SCRIPTS:
        assert (ROOT / program).is_file()
        command, own = SCRIPTS[Path(program).name]
        return _of_command(command, [*marker, *own(arguments)])
    if program == 'make':
        targets = (ROOT / 'Makefile').read_text()
        names = [word for word in arguments if '=' not in word]
        for name in names:
            assert re.search(rf'^[\w -]*\b{name}\b[\w -]*:', targets, re.M)
        return None
    if program == 'sh':
        assert (ROOT / arguments[0]).is_file()
        return None
    assert program in OTHERS, f'unknown program: {" ".join(words)}'
    return None


def _of_command(name: str, arguments: list[str]) -> argparse.Namespace:
    module = importlib.import_module(module_of(name))
    with pytest.raises(Parsed) as found:
        module.main(arguments)
    return found.value.args[0]


def _of_file(path: Path, arguments: list[str], monkeypatch):
    assert path.is_file(), path
    text = path.read_text()
    if 'argparse' not in text and 'main' not in text:
        return None
    spec = importlib.util.spec_from_file_location(f'page_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, 'main'):
        return None
    with monkeypatch.context() as patch, pytest.raises(Parsed) as found:
        patch.setattr(sys, 'argv', [str(path), *arguments])
        module.main()
    return found.value.args[0]


@pytest.mark.parametrize('page', PAGES)
def test_commands_are_understood(page, monkeypatch, capsys):
    wrong = []
    for sentence, words in commands((ROOT / page).read_text()):
        shown = ' '.join(words)
        for word in words:
            ours = '/' in word and word.split('/')[0] in OWN_FOLDERS
            if ours and not (ROOT / word).exists():
                wrong.append(f'{shown}: there is no {word}')
        try:
            args = parsed(words, monkeypatch, sentence)
        except SystemExit:
            line = capsys.readouterr().err.splitlines()[-1:]
            wrong.append(f'{shown}: {line}')
            continue
        config = getattr(args, 'config', None)
        options = getattr(args, 'cfg_options', None)
        if options and config and (ROOT / str(config)).is_file():
            read_config(ROOT / config, options)
    assert not wrong


def test_commands_are_found():
    found = [
        words
        for page in PAGES
        for _, words in commands((ROOT / page).read_text())
    ]
    ours = {words[1] for words in found if words[0] == 'mixmae'}
    assert {'pretrain', 'finetune', 'predict', 'view', 'report'} <= ours
    assert len(found) > 80


@pytest.mark.parametrize(
    'command',
    [
        'mixmae train CONFIG --resumee',
        'python tools/no_such_tool.py',
        'mixmae paint a.png',
        'make coffee',
        'no_such_program --help',
    ],
)
def test_wrong_commands_are_noticed(command, monkeypatch):
    with pytest.raises((AssertionError, SystemExit)):
        parsed(command.split(), monkeypatch)
