import pytest
import torch

from mixmae.checkpoints.backbone_state import backbone_state
from mixmae.registry import MODELS
from tests.golden import formula
from tests.models.parts import TINY, random_images, tiny_model
from tests.models.test_golden_mixmim import backbone_config


def saved(content, path) -> dict:
    torch.save(content, path)
    return {'type': 'Pretrained', 'checkpoint': str(path)}


def features(config, init_cfg):
    backbone = MODELS.build({**config, 'init_cfg': init_cfg}).eval()
    backbone.init_weights()
    return backbone(random_images(1))


def test_pretraining_and_bare_checkpoints_load_last(tmp_path):
    """The initialisation does not overwrite what was loaded."""
    model = tiny_model().eval()
    wanted = model.backbone(random_images(1))[0]
    whole = saved({'state_dict': model.state_dict()}, tmp_path / 'a.pth')
    bare = saved(model.backbone.state_dict(), tmp_path / 'b.pth')
    for init_cfg in (whole, bare):
        assert torch.equal(features(TINY, init_cfg)[0], wanted)


def test_official_checkpoints_load(tmp_path):
    golden = formula.figures('mixmim')
    state = formula.weights(golden['parameters'])
    init_cfg = saved({'model': state}, tmp_path / 'official.pth')
    backbone = MODELS.build({**backbone_config(), 'init_cfg': init_cfg})
    backbone.init_weights()
    name = 'layers.1.downsample.reduction.weight'
    found = backbone.stages[2].downsample.reduction.weight
    assert torch.equal(found, state[name].float())


def test_norms_of_extra_outputs_may_be_new(tmp_path):
    model = tiny_model()
    init_cfg = saved(model.backbone.state_dict(), tmp_path / 'a.pth')
    maps = features({**TINY, 'out_indices': (0, 3)}, init_cfg)
    assert torch.equal(maps[1], model.eval().backbone(random_images(1))[0])


def test_norms_that_are_not_asked_for_are_left_out(tmp_path):
    model = tiny_model()
    init_cfg = saved(model.state_dict(), tmp_path / 'a.pth')
    maps = features({**TINY, 'out_indices': (0, 1)}, init_cfg)
    assert [x.size(1) for x in maps] == [8, 16]


def test_unknown_official_keys_are_named(tmp_path):
    state = formula.weights(formula.figures('mixmim')['parameters'])
    state['surprise'] = torch.ones(1)
    init_cfg = saved({'model': state}, tmp_path / 'official.pth')
    with pytest.raises(ValueError, match=r'unknown keys \(surprise\)'):
        features(backbone_config(), init_cfg)


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda s: s.pop('norm3.weight'), r'1 keys missing \(norm3.weight\)'),
        (lambda s: s.update(more=torch.ones(1)), r'1 unexpected \(more\)'),
        (
            lambda s: s.update({'norm3.bias': torch.ones(5)}),
            r'1 of another shape \(norm3.bias \(5,\) for \(64,\)\)',
        ),
    ],
)
def test_anything_else_is_refused(tmp_path, spoil, message):
    state = tiny_model().backbone.state_dict()
    spoil(state)
    with pytest.raises(ValueError, match=message):
        features(TINY, saved(state, tmp_path / 'a.pth'))


def test_another_init_cfg_is_refused():
    with pytest.raises(ValueError, match="type='Pretrained'"):
        features(TINY, {'type': 'Xavier', 'layer': 'Linear'})


def test_other_parts_are_left_out():
    state = tiny_model().state_dict()
    names = backbone_state({'state_dict': state})
    assert not [name for name in names if name.startswith(('neck', 'head'))]
    assert len(names) == sum(name.startswith('backbone.') for name in state)
