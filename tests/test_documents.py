"""Files, commands and numbers that the documents name."""

import ast
import importlib
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

import mixmae
from mixmae.registry import INFERENCERS, MODELS

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    'README.md',
    'LOG.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'SECURITY.md',
    *(f'docs/{path.name}' for path in sorted((ROOT / 'docs').glob('*.md'))),
    *(
        f'configs/{path.parent.name}/README.md'
        for path in sorted((ROOT / 'configs').glob('*/README.md'))
    ),
]

HISTORY = {'LOG.md', 'CHANGELOG.md'}


@pytest.mark.parametrize('name', DOCUMENTS)
def test_every_relative_link_has_a_target(name):
    document = ROOT / name
    links = re.findall(r'\]\(([^)#]+)[^)]*\)', document.read_text())
    # The build of the site checks links to the pages that it generates.
    elsewhere = ('http://', 'https://', 'generated/')
    for link in links:
        if not link.startswith(elsewhere):
            assert (document.parent / link).exists(), link


# Entries of earlier dates name the files of their time.
@pytest.mark.parametrize('name', sorted({*DOCUMENTS} - HISTORY))
def test_every_named_file_exists(name):
    """Paths in code, such as `tools/train.py`, without placeholders."""
    text = (ROOT / name).read_text()
    found = re.findall(
        r'`((?:tools|configs|mixmae|tests)/[\w./-]+\.\w+)`', text
    )
    for path in found:
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize('name', DOCUMENTS)
def test_no_placeholder_is_left(name):
    text = (ROOT / name).read_text()
    assert not re.findall(r'^[A-Z_0-9]+$', text, re.MULTILINE)


def test_the_diagram_of_the_rooms_is_the_import_contract():
    """README: a block for each layer, a line for each room."""
    tomllib = pytest.importorskip('tomllib')  # Python 3.11
    text = (ROOT / 'README.md').read_text()
    section = text.split('\n## Reading the code\n')[1].split('\n## ')[0]
    diagram = section.split('```text\n')[1].split('```')[0]
    rooms = [
        [re.split(' {2,}', line) for line in block.splitlines()]
        for block in diagram.strip().split('\n\n')
    ]
    assert all(len(row) == 2 and all(row) for block in rooms for row in block)
    names = [[row[0] for row in block] for block in rooms]
    settings = tomllib.loads((ROOT / 'pyproject.toml').read_text())
    contracts = settings['tool']['importlinter']['contracts']
    [contract] = [one for one in contracts if one['name'] == 'Rooms']
    layers = [
        [
            room.strip(' ()').removeprefix('mixmae.')
            for room in re.split('[|:]', layer)
        ]
        for layer in contract['layers']
    ]
    # Rooms in brackets may be absent.
    present = [[room for room in layer if _is_room(room)] for layer in layers]
    assert names == [layer for layer in present if layer]
    tops = {room.split('.')[0] for layer in names for room in layer}
    folders = (ROOT / 'mixmae').glob('*/__init__.py')
    assert tops >= {path.parent.name for path in folders}


def _is_room(name: str) -> bool:
    path = ROOT.joinpath('mixmae', *name.split('.'))
    return path.is_dir() or path.with_suffix('.py').is_file()


def test_the_quoted_loading_report_is_correct():
    """docs/downstream.md: tensor counts of Swin-B and its neck."""
    config = Config.fromfile(ROOT / 'configs/mixmae/swin-b_8xb128_600e.py')
    with torch.device('meta'):
        parts = {
            name: MODELS.build(dict(config.model[name])).state_dict()
            for name in ('backbone', 'neck')
        }
    tables = [k for k in parts['backbone'] if k.endswith('bias.table')]
    text = ' '.join((ROOT / 'docs/downstream.md').read_text().split())
    neck = len(parts['neck'])
    assert (
        f'{len(parts["backbone"])} tensors loaded, {len(tables)} of them '
        f'resized (window 14 -> 16: {len(tables) - 2}, window 7 -> 16: 2), '
        f'{neck} dropped (neck: {neck}), 6 new'
    ) in text


def _defined(path: Path) -> set[str]:
    """Names of classes, functions, constants; elements; directives."""
    names: set[str] = set()
    if path.suffix == '.jinja':
        return set(re.findall(r'<(\w+)', path.read_text()))
    if path.suffix == '.md':
        return set(
            re.findall(r'^```\{(\w+)\}', path.read_text(), re.MULTILINE)
        )
    if path.suffix == '.js':
        return set(re.findall(r'\b(?:const|function) (\w+)', path.read_text()))
    for node in ast.parse(path.read_text('utf-8')).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            names |= {
                part.id
                for part in ast.walk(node)
                if isinstance(part, ast.Name)
            }
    return names


def test_the_table_of_places_names_files_and_what_they_define():
    """CONTRIBUTING: file and name for each question."""
    text = (ROOT / 'CONTRIBUTING.md').read_text()
    section = text.split('\n## Where to look\n')[1].split('\n## ')[0]
    rows = re.findall(
        r'^\| .+ \| \[`(.+)`\]\((.+)\) \| `(\w+)` \|$', section, re.MULTILINE
    )
    assert len(rows) > 20
    for shown, target, name in rows:
        assert (ROOT / 'mixmae' / shown).resolve() == ROOT / target
        assert name in _defined(ROOT / target), shown


def test_files_in_different_folders_have_different_names():
    names = Counter(path.stem for path in (ROOT / 'mixmae').rglob('*.py'))
    twice = {name for name, count in names.items() if count > 1}
    assert twice <= {'__init__', '__main__'}


# Tests of several modules of a room.
OF_A_ROOM = {
    'apis': ['shipped_weights'],
    'datasets': ['one_decoding'],
    'doctor': ['main'],
    'engine': ['default_runtime', 'schedule', 'two_hosts', 'two_ranks'],
    'engine/hooks': ['two_ranks_in_step'],
    'models': [
        'golden', 'image_channels', 'method_pairs', 'no_waiting',
        'parameter_counts',
    ],
    'models/backbones': ['compiled', 'pyramid_parity', 'traced'],
}  # fmt: skip


def test_tests_are_named_after_the_module_that_they_test():
    """CONTRIBUTING: the tests of NAME.py are test_NAME*.py."""
    for path in sorted((ROOT / 'tests').rglob('test_*.py')):
        place = path.relative_to(ROOT / 'tests').parent
        folder = ROOT / 'mixmae' / place
        if not place.parts or not _is_room(place.parts[0]):
            continue
        names = [place.name]
        if folder.is_dir():
            names = [part.stem for part in folder.iterdir()]
            names += OF_A_ROOM.get(place.as_posix(), [])
        tested = path.stem.removeprefix('test_')
        assert any(f'{tested}_'.startswith(f'{name}_') for name in names), path


def _messages(path: Path) -> list[str]:
    """String constants of a module without its docstrings."""
    tree = ast.parse(path.read_text('utf-8'))
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
    ]


def test_the_api_reference_has_every_public_function_and_inferencer():
    text = (ROOT / 'docs/api.md').read_text()
    listed = set(
        re.findall(r'^\.\. auto(?:class|function):: (\S+)', text, re.M)
    )
    public = {f'mixmae.{name}' for name in mixmae.__all__ if name[0] != '_'}
    assert listed >= public | {f'mixmae.apis.{n}' for n in INFERENCERS.modules}
    for path in listed:
        module, name = path.rsplit('.', 1)
        assert getattr(importlib.import_module(module), name).__doc__, path


def test_messages_of_the_questions_are_those_of_the_code():
    headings = re.findall(
        r'^\*\*`(.+)`\*\*$', (ROOT / 'docs/faq.md').read_text(), re.MULTILINE
    )
    assert headings
    texts = [
        text
        for path in sorted((ROOT / 'mixmae').rglob('*.py'))
        for text in _messages(path)
    ]
    for heading in headings:
        for part in filter(None, re.split(r' ?\.\.\.,? ?', heading)):
            assert any(part in text for text in texts), part


def test_no_message_refers_to_a_document_that_a_wheel_lacks():
    found = [
        f'{path.relative_to(ROOT)}: {text}'
        for folder in ('mixmae', 'tools')
        for path in sorted((ROOT / folder).rglob('*.py'))
        for text in _messages(path)
        if re.search(r'(?<!http)\bdocs/\w+\.md', text)
    ]
    assert not found


def test_the_index_describes_every_source_file():
    index = subprocess.run(
        [sys.executable, 'docs/source_files.py'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    entries = re.findall(r'^- \*\*(\S+)\*\*: \S+', index, re.MULTILINE)
    files = {
        str(path.relative_to(ROOT))
        for path in (ROOT / 'mixmae').rglob('*.py')
        if path.name != '__init__.py'
    }
    assert not files - {*entries}
