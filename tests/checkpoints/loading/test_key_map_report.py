import torch

from mixmae.checkpoints import KeyReport


def test_compares_names_and_shapes():
    report = KeyReport(unexpected=['before'])
    state = {'a': torch.ones(1), 'b': torch.ones(2), 'd': torch.ones(1)}
    wanted = {'a': torch.ones(1), 'b': torch.ones(3), 'c': torch.ones(1)}
    report.compare(state, wanted)
    assert report.missing == ['c'] and not report.complete
    assert report.unexpected == [
        'before',
        'b of shape (2,), expected (3,)',
        'd',
    ]


def test_every_key_has_a_line():
    report = KeyReport(
        renamed={'a': 'b'},
        resized={'b': ((3,), (5,))},
        dropped={'c': 'no use'},
        made={'d': 'index'},
        notes=['mind the gap'],
    )
    assert report.complete
    assert report.lines() == [
        'taken       a -> b',
        'resized     b (3,) -> (5,)',
        'made        d (index)',
        'dropped     c (no use)',
        '1 taken and renamed, 1 of them resized, 1 made, 1 dropped, '
        '0 unexpected, 0 missing',
        'note: mind the gap',
    ]
