"""What the documents say must be there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    'README.md',
    'LOG.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    *(f'docs/{path.name}' for path in sorted((ROOT / 'docs').glob('*.md'))),
    *(
        f'configs/{path.parent.name}/README.md'
        for path in sorted((ROOT / 'configs').glob('*/README.md'))
    ),
]


@pytest.mark.parametrize('name', DOCUMENTS)
def test_every_relative_link_leads_somewhere(name):
    document = ROOT / name
    links = re.findall(r'\]\(([^)#]+)[^)]*\)', document.read_text())
    for link in links:
        if not link.startswith(('http://', 'https://')):
            assert (document.parent / link).exists(), link


@pytest.mark.parametrize('name', DOCUMENTS)
def test_every_named_file_exists(name):
    """Paths in code, such as `tools/train.py`, without placeholders."""
    text = (ROOT / name).read_text()
    found = re.findall(
        r'`((?:tools|configs|mixmae|tests)/[\w./-]+\.\w+)`', text
    )
    for path in found:
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize('name', DOCUMENTS)
def test_nothing_is_left_to_be_filled_in(name):
    text = (ROOT / name).read_text()
    assert not re.findall(r'^[A-Z_0-9]+$', text, re.MULTILINE)
