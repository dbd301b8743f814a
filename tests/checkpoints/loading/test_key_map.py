import torch

from mixmae.checkpoints.loading.key_map import KeyMap, prefixed

PAIRS = [
    ('layers.{i}.down.{m}.{p}', 'stages.{i+1}.down.{m}.{p}'),
    ('layers.{i}.blocks.{j}.ln1.{p}', 'stages.{i}.blocks.{j}.norm1.{p}'),
    ('layers.{i}.blocks.{j}.{m}.{p}', 'stages.{i}.blocks.{j}.{m}.{p}'),
    ('a.b', 'c'),
]
ONE = torch.ones(1)


def test_either_way():
    pairs = {
        'layers.0.down.norm.bias': 'stages.1.down.norm.bias',
        'layers.12.blocks.3.ln1.weight': 'stages.12.blocks.3.norm1.weight',
        'layers.1.blocks.0.qkv.weight': 'stages.1.blocks.0.qkv.weight',
        'a.b': 'c',
    }
    table = KeyMap(PAIRS)
    state, report = table.to_ours(dict.fromkeys(pairs, ONE))
    assert report.renamed == pairs and list(state) == list(pairs.values())
    assert state['c'] is ONE
    state, report = table.to_theirs(dict.fromkeys(pairs.values(), ONE))
    assert list(state) == list(pairs) and report.complete


def test_keys_without_a_template():
    table = KeyMap(PAIRS, drops=[(r'.*\.index', 'recomputed')])
    odd = ['layers.x.down.norm.bias', 'axb', 'layers.0.down.norm.gain']
    state, report = table.to_ours(dict.fromkeys([*odd, 'd.index'], ONE))
    assert not state and report.unexpected == odd
    assert report.dropped == {'d.index': 'recomputed'}
    # There is no layer before the first.
    state, report = table.to_theirs({'stages.0.down.norm.bias': ONE})
    assert not state and not report.complete


def test_prefixes():
    assert prefixed([('a', 'b')], 'x.', 'y.') == [('x.a', 'y.b')]
