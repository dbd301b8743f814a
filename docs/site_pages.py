"""Pages of the documentation that are computed: model zoo and copies."""

from __future__ import annotations

import os
import re
from pathlib import Path

import yaml

ZOO = """# Model zoo

Recipes and their results, from the metafiles beside the configs. Grades:
*reproduced here* was measured with this code; *converted* was measured here on
converted official weights; *official number* is from the paper or the official
repository and is not yet reproduced.

"""
HEADINGS = {
    'mixmae': 'Pretraining: MixMAE',
    'um_mae': 'Pretraining: UM-MAE',
    'simmim': 'Pretraining: SimMIM',
    'classification': 'Classification',
    'detection': 'Detection',
    'segmentation': 'Segmentation',
}


# Pages that stand elsewhere in the repository, by their name on the site.
COPIES = {
    **{f'recipes_{name}': f'configs/{name}/README.md' for name in HEADINGS},
    'log': 'LOG.md',
    'changelog': 'CHANGELOG.md',
    'security': 'SECURITY.md',
    'contributing': 'CONTRIBUTING.md',
}
LINK = re.compile(r'\[([^\]]*)\]\(([^)\s:#]+)(#[^)\s]*)?\)')


def write_pages(root: Path, folder: Path) -> None:
    """Write the zoo and copies of pages into a folder."""
    folder.mkdir(exist_ok=True)
    (folder / 'zoo.md').write_text(zoo(root))
    for name, source in COPIES.items():
        if (root / source).exists():
            text = (root / source).read_text()
            page = site_links(text, root / source, root, folder)
            (folder / f'{name}.md').write_text(page)


def site_links(text: str, source: Path, root: Path, page_folder: Path) -> str:
    """Return the text of a page with links that lead within the site.

    Links between files of the repository are right where the repository is
    browsed. On the site a link to a copied page leads to the copy; one to
    another file becomes its text.

    Args:
        text: Markdown.
        source: File of the text.
        root: Root of the repository.
        page_folder: Folder of the page on the site, below ``docs``.
    """
    docs = root / 'docs'
    copies = {root / path: name for name, path in COPIES.items()}
    copies |= {path.parent: name for path, name in copies.items()}
    copies.pop(root, None)

    def adapted(match: re.Match) -> str:
        shown, target, anchor = match[1], match[2], match[3] or ''
        path = Path(os.path.normpath(source.parent / target))
        if path.is_relative_to(docs) and path.suffix in (
            '.md',
            '.png',
            '.jpg',
        ):
            found = path
        elif path in copies:
            found = docs / 'generated' / f'{copies[path]}.md'
        else:
            return shown
        link = Path(os.path.relpath(found, page_folder)).as_posix()
        return f'[{shown}]({link}{anchor})'

    return LINK.sub(adapted, text)


def zoo(root: Path) -> str:
    """Return the page of all models in the metafiles."""
    sections = []
    for name, heading in HEADINGS.items():
        metafile = root / 'configs' / name / 'metafile.yml'
        models = yaml.safe_load(metafile.read_text())['Models']
        rows = [
            '| model | data | epochs | parameters | result | grade |',
            '| --- | --- | --- | --- | --- | --- |',
            *(_row(model, root) for model in models),
        ]
        sections.append(f'## {heading}\n\n' + '\n'.join(rows))
    return ZOO + '\n\n'.join(sections) + '\n'


def _row(model: dict, root: Path) -> str:
    about = model['Metadata']
    config = model['Config']
    header = _header(root / config)
    parameters = about.get('Parameters')
    named = model.get('Named Weights')
    weights = f'<br>weights: `{named}`' if named else ''
    cells = [
        f'**{model["Name"]}**<br>`{config}`<br>{header}{weights}',
        about.get('Training Data', ''),
        about.get('Epochs', ''),
        f'{parameters / 1e6:.1f} M' if parameters else '',
        _results(model.get('Results')),
        model.get('Grade', ''),
    ]
    return '| ' + ' | '.join(str(cell) for cell in cells) + ' |'


def _header(config: Path) -> str:
    """Cost of a recipe, from the comment at the top of its config."""
    for line in config.read_text().splitlines():
        if line.startswith('# Cost:'):
            return line.removeprefix('# ').replace('|', '/')
    return ''


def _results(results: list | None) -> str:
    shown = []
    for result in results or []:
        figures = ', '.join(f'{k} {v}' for k, v in result['Metrics'].items())
        shown.append(f'{result["Dataset"]}: {figures}')
    return '<br>'.join(shown)
