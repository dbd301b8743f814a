import pytest
import torch
from mmengine.registry import MODELS as ENGINE_MODELS

from mixmae.apis.image_preparation import Normalisation
from mixmae.registry import MODELS

FIGURES = dict(mean=[120.0, 110.0, 90.0], std=[60.0, 50.0, 40.0])


def bgr(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(
        0, 256, (2, 3, 6, 7), dtype=torch.uint8, generator=generator
    )


@pytest.mark.parametrize(
    'config',
    [
        dict(type='MaskingDataPreprocessor', **FIGURES),
        dict(type='MaskingDataPreprocessor', to_rgb=False, **FIGURES),
        dict(type='mmpretrain.ClsDataPreprocessor', to_rgb=True, **FIGURES),
        dict(type='mmpretrain.ClsDataPreprocessor', **FIGURES),
        dict(type='mmengine.ImgDataPreprocessor', bgr_to_rgb=True, **FIGURES),
        dict(type='mmengine.ImgDataPreprocessor', **FIGURES),
    ],
)
def test_equals_the_preprocessor_itself(config):
    engine = config['type'].startswith('mmengine')
    registry = ENGINE_MODELS if engine else MODELS
    name = config['type'].split('.')[-1] if engine else config['type']
    preprocessor = registry.build(dict(config, type=name))
    images = bgr()
    expected = preprocessor({'inputs': list(images)}, False)['inputs']
    found = Normalisation.of(config)(images)
    torch.testing.assert_close(found, torch.as_tensor(expected))


@pytest.mark.parametrize(
    ('config', 'said'),
    [
        (None, 'no data_preprocessor with mean'),
        (dict(type='ClsDataPreprocessor'), 'no data_preprocessor with mean'),
        (dict(mean=[1.0], std=[1.0] * 3), 'one number per channel'),
        (dict(mean=[1.0] * 3, std=[1, 0, 1]), 'std above 0'),
        (dict(rgb_to_bgr=True, **FIGURES), 'rgb_to_bgr'),
    ],
)
def test_invalid_preprocessors(config, said):
    with pytest.raises(ValueError, match=said):
        Normalisation.of(config)
