"""Values of options: Python literals, otherwise strings."""

import argparse
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixmae.config.failure_report import ConfigError
from mixmae.config.option_values import OptionAction, option_value

few = settings(max_examples=150, derandomize=True, deadline=None)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
jsons = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@few
@given(values.filter(lambda v: not isinstance(v, float) or abs(v) < 1e300))
def test_python_literals(value):
    assert option_value(repr(value)) == value


@few
@given(jsons)
def test_json_literals(value):
    assert option_value(json.dumps(value)) == value


@few
@given(st.dictionaries(st.from_regex('[a-z_]{1,5}', fullmatch=True), values))
def test_dict_calls(value):
    text = ', '.join(f'{key}={item!r}' for key, item in value.items())
    assert option_value(f'dict({text})') == value
    assert option_value(f'[dict({text})]') == [value]


words = st.from_regex(r'[a-z][a-z0-9 ._\-]{0,8}[a-z0-9]', fullmatch=True)
words = words.filter(
    lambda word: word not in ('true', 'false', 'null', 'nan', 'inf')
)


@few
@given(st.lists(words, min_size=1, max_size=4))
def test_words_need_no_quotes(items):
    path = '/' + ', '.join(items)
    assert option_value(path) == path
    assert option_value(items[0]) == items[0]
    text = ','.join(items)
    assert option_value(f'[{text}]') == items
    assert option_value(f'({text})') == tuple(items)
    if len(items) > 1:
        assert option_value(text) == items


@few
@given(st.text() | st.text(alphabet='[](){}=:,\'"\\ a1dict', max_size=12))
def test_any_text_has_a_value(text):
    value = option_value(text)
    assert isinstance(value, (str, int, float, list, tuple, dict, type(None)))


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('1,2', [1, 2]),
        ('(1,2),(3,4)', [(1, 2), (3, 4)]),
        ('a,', ['a']),
        ('[[a],(b,1)]', [['a'], ('b', 1)]),
        ('TRUE', True),
        ('08', 8),
        ('[2024] pictures', '[2024] pictures'),
        ("it's, theirs", ["it's", 'theirs']),
        (r'C:\new', r'C:\new'),
        ('a=b', 'a=b'),
        ('', ''),
        ('{1, 2}', '{1, 2}'),
    ],
)
def test_examples(text, value):
    assert option_value(text) == value
    assert type(option_value(text)) is type(value)


def read(*words):
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=OptionAction)
    return parser.parse_args(words).cfg_options


def test_pairs():
    first = ('--cfg-options', 'a.b=/my photos/x', 'c=x=y')
    assert read(*first, '--cfg-options', 'd=1') == {
        'a.b': '/my photos/x',
        'c': 'x=y',
        'd': 1,
    }


@pytest.mark.parametrize(
    ('first', 'second'), [('a=1', 'a=2'), ('a=1', 'a=True'), ('a=1', 'a=1.0')]
)
def test_a_key_has_one_value(first, second):
    assert read('--cfg-options', first, first) == {'a': 1}
    with pytest.raises(ConfigError, match='a stands there twice'):
        read('--cfg-options', first, '--cfg-options', second)


@pytest.mark.parametrize('pair', ['photos', '=1', 'a..b=1', '.=1'])
def test_no_pairs(pair):
    with pytest.raises(ConfigError, match='must be KEY=VALUE.*quote values'):
        read('--cfg-options', 'a=1', pair)


def test_endless_nesting_is_one_line():
    with pytest.raises(ConfigError, match='nested too deep') as info:
        read('--cfg-options', f'a={"[" * 3000}{"]" * 3000}')
    assert len(str(info.value)) < 200
