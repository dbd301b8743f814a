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
LOG_PROCESSORS = Registry(
    'log processor',
    parent=mmengine_registry.LOG_PROCESSORS,
    scope='mixmae',
    locations=['mixmae.engine.throughput_log_processor'],
)
OPTIM_WRAPPERS = Registry(
    'optim wrapper',
    parent=mmengine_registry.OPTIM_WRAPPERS,
    scope='mixmae',
    locations=['mixmae.engine.optimizers'],
)
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    'optim wrapper constructor',
    parent=mmengine_registry.OPTIM_WRAPPER_CONSTRUCTORS,
    scope='mixmae',
    locations=['mixmae.engine.optimizers'],
)
LOOPS = Registry(
    'loop',
    parent=mmengine_registry.LOOPS,
    scope='mixmae',
    locations=['mixmae.engine.loops'],
)
MODEL_WRAPPERS = Registry(
    'model wrapper',
    parent=mmengine_registry.MODEL_WRAPPERS,
    scope='mixmae',
    locations=['mixmae.engine.sharding'],
)
RUNNERS = Registry(
    'runner',
    parent=mmengine_registry.RUNNERS,
    scope='mixmae',
    locations=['mixmae.engine.sharding'],
)
METRICS = Registry(
    'metric',
    parent=mmengine_registry.METRICS,
    scope='mixmae',
    locations=['mixmae.evaluation'],
)
INFERENCERS = Registry(
    'inferencer',
    parent=mmengine_registry.INFERENCERS,
    scope='mixmae',
    locations=['mixmae.apis'],
)

# Scopes that hold no part of ours yet: without a child of our scope MMEngine
# warns at every look-up of a part of its own.
EVALUATORS = Registry(
    'evaluator', parent=mmengine_registry.EVALUATOR, scope='mixmae'
)
OPTIMIZERS = Registry(
    'optimizer', parent=mmengine_registry.OPTIMIZERS, scope='mixmae'
)
PARAM_SCHEDULERS = Registry(
    'parameter scheduler',
    parent=mmengine_registry.PARAM_SCHEDULERS,
    scope='mixmae',
)
VISBACKENDS = Registry(
    'vis backend', parent=mmengine_registry.VISBACKENDS, scope='mixmae'
)
VISUALIZERS = Registry(
    'visualizer', parent=mmengine_registry.VISUALIZERS, scope='mixmae'
)
