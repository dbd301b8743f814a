"""Configuration of the documentation site, built by ``make docs``."""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS)]

from site_pages import site_links, write_pages  # noqa: E402

from mixmae.version import __version__  # noqa: E402

project = 'mixmae'
author = 'the mixmae contributors'
copyright = author
release = version = __version__

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
]
myst_enable_extensions = ['colon_fence', 'deflist']
myst_heading_anchors = 3
source_suffix = {'.md': 'markdown', '.rst': 'restructuredtext'}
exclude_patterns = ['evidence/results', '_build']

autodoc_default_options = {'members': True, 'show-inheritance': True}
autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented_params'
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
# Types of other packages have no page here.
nitpicky = False

html_theme = 'furo'
html_title = f'mixmae {release}'
html_static_path = []
html_theme_options = {'sidebar_hide_name': False}
html_copy_source = False
# Fonts, scripts and the index of the search are files of the site.
html_show_sourcelink = False
# A page opened as a file may not fetch others.
html_show_search_summary = False


def setup(app):
    """Write the pages that are computed."""
    write_pages(ROOT, DOCS / 'generated')
    app.connect('source-read', adapt_links)


def adapt_links(app, name, source):
    """Let links to files outside the site lead to their copies."""
    page = DOCS / f'{name}.md'
    if page.parent.name != 'generated':
        source[0] = site_links(source[0], page, ROOT, page.parent)
