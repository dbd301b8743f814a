"""Pages of the documentation that are computed: zoo, source files, copies."""

from __future__ import annotations

import os
import re
from pathlib import Path

import yaml
from source_files import source_files

ZOO = """# Model zoo

Recipes, from the metafiles and the comments at the top of the configs. The
command of several GPUs is for the number in the name of the config. The result
of a pretraining is that of its fine-tuned network. Grades of results:

- *reproduced here*: measured with this code;
- *converted*: measured here on converted official weights;
- *official number*: of the paper or the official repository, not reproduced
  here; there are no weights of these recipes;
- none: not measured, and no published number is known.

"""
FILES = """# Source files

One line for each file, with its public classes and functions. Questions and
changes, with the file for each: [Contributing](contributing.md#where-to-look).

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
    """Write the zoo, the source files and copies of pages into a folder."""
    folder.mkdir(exist_ok=True)
    (folder / 'zoo.md').write_text(zoo(root))
    (folder / 'source_files.md').write_text(FILES + source_files(root))
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
            '| recipe, cost | data, length, size | result, grade |',
            '| --- | --- | --- |',
            *(_row(model, root) for model in models),
        ]
        sections.append(f'## {heading}\n\n' + '\n'.join(rows))
    return ZOO + '\n\n'.join(sections) + '\n'


def _row(model: dict, root: Path) -> str:
    about = model['Metadata']
    config = root / model['Config']
    header = _header(config)
    parameters = about.get('Parameters')
    grade = model['Grade']
    command = header['Command'].replace(' \\ ', ' ')
    # One with a sentence has its own quotes.
    shown = command if '`' in command else f'`{command}`'
    recipe = [f'**{model["Name"]}**', shown]
    curve = config.parent / 'curves' / f'{config.stem}.json'
    if curve.exists():
        recipe.append(f'loss curve: `{curve.relative_to(root).as_posix()}`')
    if 'Named Weights' in model:
        recipe.append(f'weights: [`{model["Named Weights"]}`](../weights.md)')
    length = about.get('Epochs'), about.get('Iterations')
    facts = [
        about.get('Training Data', ''),
        f'{length[0]} epochs' if length[0] else '',
        f'{length[1]:,} iterations' if length[1] else '',
        f'{parameters / 1e6:.1f} M parameters' if parameters else '',
    ]
    recipe.append(f'cost: {header["Cost"]}')
    result = [header['Expected'].replace(f' [{grade}]', '')]
    if grade != 'none':
        result.append(f'*{grade}*')
    cells = ['<br>'.join(filter(None, c)) for c in (recipe, facts, result)]
    line = '| ' + ' | '.join(cells) + ' |'
    return _page_links(line, config, root)


def _header(config: Path) -> dict[str, str]:
    """Fields of the comment at the top of a config, such as ``Cost``."""
    comment = re.match(r'(?:#.*\n)*', config.read_text())[0]
    fields = re.split(r'^# (\w+): ', comment, flags=re.M)[1:]
    return {
        name: ' '.join(text.replace('\n#', ' ').split()).replace('|', '/')
        for name, text in zip(fields[::2], fields[1::2])
    }


def _page_links(text: str, config: Path, root: Path) -> str:
    """Return a text whose names of pages are links on the site."""
    pages = {path: f'{name}.md' for name, path in COPIES.items()}
    folder = config.parent.relative_to(root).as_posix()
    pages['README.md of this folder'] = pages[f'{folder}/README.md']
    pages['docs/evidence.md'] = '../evidence.md'
    names = '|'.join(map(re.escape, sorted(pages, key=len, reverse=True)))
    return re.sub(
        rf'(?<![\w/`])(?:{names})',
        lambda found: f'[{found[0]}]({pages[found[0]]})',
        text,
    )
