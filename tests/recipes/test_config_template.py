"""Configs of the package with other values of their variables."""

from pathlib import Path

import pytest
from mmengine.config import Config

from mixmae.recipes.config_template import Setting, filled, literal

TEXT = """\
# The old header.
# Its second line.

# What a is.
a = 1
b = dict(
    x=(1, 2),
    y=None,
)
c = [a, b['x']]
"""


def test_settings_follow_from_the_variables(tmp_path: Path) -> None:
    values = dict(
        a='with space',
        b=dict(x=tuple(range(40)), y=[[0, 1, 2]] * 12, z=dict(t={'k': 1.5})),
    )
    text = filled(
        TEXT,
        'The new header.',
        [Setting('a', values['a'], 'a reason'), Setting('b', values['b'])],
    )
    assert text.startswith('# The new header.\n\n# What a is.\n# A reason\n')
    assert 'old header' not in text
    assert max(map(len, text.splitlines())) < 80
    (tmp_path / 'config.py').write_text(text)
    config = Config.fromfile(tmp_path / 'config.py')
    assert config.a == values['a'] and config.b == values['b']
    assert config.c == [values['a'], values['b']['x']]


def test_an_unknown_variable() -> None:
    with pytest.raises(ValueError, match='no variable d'):
        filled(TEXT, '', [Setting('d', 1)])


@pytest.mark.parametrize(
    'value', [{'no name': 1}, {1: 2}, {}, (), (1,), None, 1e-5, ['a' * 90] * 3]
)
def test_literals(value: object) -> None:
    assert eval(literal(value)) == value
