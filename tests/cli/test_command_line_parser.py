"""Parser of options: values that no option accepts are refused."""

from pathlib import Path

import pytest

from mixmae.cli.command_line import CommandParser


def parser():
    made = CommandParser()
    made.add_argument('--text')
    made.add_argument('--path', type=Path, default='here')
    made.add_argument('--count', type=int)
    made.add_argument('--share', type=float, nargs='+')
    return made


def test_values():
    words = ['--text=a', '--path=b', '--count=-3', '--share', '1e-3', '2']
    args = parser().parse_args(words)
    assert vars(args) == dict(
        text='a', path=Path('b'), count=-3, share=[1e-3, 2.0]
    )
    assert parser().parse_args([]).path == Path('here')


@pytest.mark.parametrize(
    ('word', 'message'),
    [
        ('--text=', 'argument --text: must not be empty'),
        ('--path= ', 'argument --path: must not be empty'),
        (f'--count={2**63}', 'is too large'),
        ('--count=1.5', "invalid int value: '1.5'"),
        ('--share=nan', 'must be finite, got nan'),
        ('--share=-inf', 'must be finite'),
        ('--share=x', "invalid float value: 'x'"),
    ],
)
def test_values_of_no_option(capsys, word, message):
    with pytest.raises(SystemExit) as caught:
        parser().parse_args([word])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error.replace('_integer', 'int').replace(
        '_number', 'float'
    )


@pytest.mark.parametrize('name', ['out', '--out', '--work-dir', '--show-dir'])
def test_outputs_are_local(capsys, name):
    """``Path`` would make a local folder of an address."""
    made = CommandParser()
    made.add_argument(name, type=Path if name == 'out' else None)
    option = [name] if name.startswith('-') else []
    for address in ('s3://bucket/x', 'https://user:secret@host/x'):
        with pytest.raises(SystemExit) as caught:
            made.parse_args([*option, address])
        assert caught.value.code == 2
        error = capsys.readouterr().err
        assert 'must be a local path' in error and 'secret' not in error
    assert made.parse_args([*option, 'C:/x'])
