"""The registries of mixmae: children of MMEngine's, in scope ``mixmae``.

Each names where its parts live, so that ``mixmae.MIMSwin`` in an mmdet or
mmseg config is found without ``custom_imports``.
"""

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

MODELS = Registry(
    'model',
    parent=mmengine_registry.MODELS,
    scope='mixmae',
    locations=['mixmae.models'],
)
# Maskings are no modules (they hold no tensors), hence not in MODELS.
TASK_UTILS = Registry(
    'task util',
    parent=mmengine_registry.TASK_UTILS,
    scope='mixmae',
    locations=['mixmae.masking'],
)
DATASETS = Registry(
    'dataset',
    parent=mmengine_registry.DATASETS,
    scope='mixmae',
    locations=['mixmae.datasets'],
)
TRANSFORMS = Registry(
    'transform',
    parent=mmengine_registry.TRANSFORMS,
    scope='mixmae',
    locations=['mixmae.datasets.transforms'],
)
DATA_SAMPLERS = Registry(
    'data sampler',
    parent=mmengine_registry.DATA_SAMPLERS,
    scope='mixmae',
    locations=['mixmae.datasets.samplers'],
)
HOOKS = Registry(
    'hook',
    parent=mmengine_registry.HOOKS,
    scope='mixmae',
    locations=['mixmae.engine.hooks'],
)
OPTIM_WRAPPERS = Registry(
    'optim wrapper',
    parent=mmengine_registry.OPTIM_WRAPPERS,
    scope='mixmae',
    locations=['mixmae.engine.optimizers'],
)
METRICS = Registry(
    'metric',
    parent=mmengine_registry.METRICS,
    scope='mixmae',
    locations=['mixmae.evaluation'],
)
