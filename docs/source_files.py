"""Index of the source files: what each contains, and its public names.

``make files`` prints it; it is a page of the site.
"""

from __future__ import annotations

import ast
import re
import signal
from pathlib import Path

FOLDERS = ('mixmae', 'configs', 'tools', 'benchmarks', 'docs')
# Of configs: bases, and those that commands fill in. Others are in the zoo.
CONFIGS = ('_base_', 'own-')
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
        if top == 'configs':
            found = [p for p in found if any(x in str(p) for x in CONFIGS)]
        for folder in sorted({path.parent for path in found}):
            name = folder.relative_to(root).as_posix()
            about = folder / '__init__.py'
            files = [p for p in found if p.parent == folder and p != about]
            files = [p for p in files if 'Deprecated' not in _summary(p)]
            if files:
                purpose = _summary(about) if about.exists() else ''
                entries = '\n'.join(_entry(name, path) for path in files)
                parts = [f'## {name}/', purpose, entries]
                sections.append('\n\n'.join(filter(None, parts)))
    return '\n\n'.join(sections) + '\n'


def _entry(folder: str, path: Path) -> str:
    nodes = ast.parse(path.read_text()).body
    names = [f'`{name}`' for node in nodes for name in _names(node)]
    end = f' ({", ".join(names)})' if names else ''
    # The folder as well, for lines that grep finds.
    return f'- **{folder}/{path.name}**: {_summary(path)}{end}'


def _names(node: ast.stmt) -> list[str]:
    """Return the names of a public class or function, or of constants."""
    names = []
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        names = [node.name]
    elif isinstance(node, (ast.Assign, ast.AnnAssign)):
        target = node.targets[0] if hasattr(node, 'targets') else node.target
        # A, B = 1, 2
        targets = getattr(target, 'elts', [target])
        names = [one.id for one in targets if isinstance(one, ast.Name)]
        names = [name for name in names if name.isupper()]
    return [n for n in names if not n.startswith('_') and n not in UNNAMED]


def _summary(path: Path) -> str:
    """Return the first line of a docstring, or of a config's comment."""
    text = path.read_text()
    about = ast.get_docstring(ast.parse(text))
    if about is None:
        comment = re.match(r'(?:#.*\n)*', text)[0]
        text = comment.removeprefix('# Paper: ').replace('\n# ', ' ')
        about = re.split(r'(?<=[.;:]) ', text)[0]
    first = ' '.join(about.split('\n\n')[0].split())
    return first.lstrip('# ').rstrip(';:').replace('``', '`')


if __name__ == '__main__':
    # As other tools, end silently if a pager closes the pipe.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    print(source_files(Path(__file__).resolve().parents[1]))
