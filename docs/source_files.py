"""Index of the source files: what each contains, and its public names.

``make files`` prints it; it is a page of the site.
"""

from __future__ import annotations

import ast
import re
import signal
from pathlib import Path

FOLDERS = ('mixmae', 'configs/_base_', 'tools', 'benchmarks', 'docs')
# Every script has these.
UNNAMED = ('main', 'parse_args')


def source_files(root: Path) -> str:
    """Return the index as Markdown, with a section for each folder.

    Args:
        root: Root of the repository.
    """
    sections = []
    for top in FOLDERS:
        found = sorted((root / top).rglob('*.py'))
        for folder in sorted({path.parent for path in found}):
            name = folder.relative_to(root).as_posix()
            about = folder / '__init__.py'
            files = [p for p in found if p.parent == folder and p != about]
            if files:
                purpose = _summary(about) if about.exists() else ''
                entries = '\n'.join(map(_entry, files))
                parts = [f'## {name}/', purpose, entries]
                sections.append('\n\n'.join(filter(None, parts)))
    return '\n\n'.join(sections) + '\n'


def _entry(path: Path) -> str:
    kinds = (ast.ClassDef, ast.FunctionDef)
    names = [
        f'`{node.name}`'
        for node in ast.parse(path.read_text()).body
        if isinstance(node, kinds)
        and not node.name.startswith('_')
        and node.name not in UNNAMED
    ]
    end = f' ({", ".join(names)})' if names else ''
    return f'- **{path.name}**: {_summary(path)}{end}'


def _summary(path: Path) -> str:
    """Return the first line of a docstring, or of a config's comment."""
    text = path.read_text()
    about = ast.get_docstring(ast.parse(text))
    if about is None:
        comment = re.match(r'(?:#.*\n)*', text)[0]
        about = re.split(r'(?<=[.;]) ', comment.replace('\n# ', ' '))[0]
    first = ' '.join(about.split('\n\n')[0].split())
    return first.lstrip('# ').rstrip(';').replace('``', '`')


if __name__ == '__main__':
    # As other tools, end silently if a pager closes the pipe.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    print(source_files(Path(__file__).resolve().parents[1]))
