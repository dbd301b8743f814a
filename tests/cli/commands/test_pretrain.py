"""``mixmae pretrain``: arguments."""

from mixmae.cli.commands.pretrain import parse_args


def test_a_value_range_is_measured_or_two_numbers():
    call = ['--out', 'run', '--data', 'photos']
    assert parse_args(call).value_range == 'auto'
    given = parse_args([*call, '--value-range', '0', '4095'])
    assert given.value_range == [0.0, 4095.0]
