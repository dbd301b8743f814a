"""Registries of mixmae: children of MMEngine's, in scope ``mixmae``.

Each maps the names of its parts to their modules. For ``mixmae.MIMSwin`` in a
config of mmdet or mmseg MMEngine imports ``mixmae.registry``, this module, and
asks ``MODELS``, which imports the module of ``MIMSwin``. So configs need no
``custom_imports`` for parts of mixmae, and a training loads only what its
config names. Parts of other packages register themselves in these registries,
and need ``custom_imports``: see docs/extending.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from mmengine import registry as parents
from mmengine.registry import Registry

from mixmae.deprecation import warn_renamed

SCOPE = 'mixmae'


class LazyRegistry(Registry):
    """Registry that imports the module of a part when the part is named.

    MMEngine's registry imports all of its locations at the first look-up.

    Args:
        name: Name of the registry, as MMEngine's.
        parent: MMEngine's registry of the same kind.
        modules: Module of each part, relative to the package, by the name of
            the part.
        renamed: New name of each part that has been renamed. The old one
            works for one minor version, with a warning.
    """

    def __init__(
        self,
        name: str,
        parent: Registry,
        modules: Mapping[str, str] | None = None,
        renamed: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(name, parent=parent, scope=SCOPE)
        self.renamed = dict(renamed or {})
        self.modules = {
            part: f'{SCOPE}.{module}'
            for part, module in (modules or {}).items()
        }

    def import_from_location(self) -> None:
        """Do nothing: ``get`` imports the one module that it needs."""

    @property
    def module_dict(self) -> dict[str, Any]:
        """Parts by name; imports those whose packages are installed."""
        for module in set(self.modules.values()):
            try:
                import_module(module)
            except ModuleNotFoundError as error:
                # A part for mmdet needs mmdet.
                if str(error.name).startswith(SCOPE):
                    raise
        return self._module_dict

    def knows(self, name: str) -> bool:
        """Return True for the name of a part; no module is imported."""
        return name in self.modules or name in self._module_dict

    def get(self, key: str) -> Any:
        """Class of a name, with or without the prefix ``mixmae.``."""
        name = str(key).removeprefix(f'{SCOPE}.')
        if name in self.renamed:
            new = self.renamed[name]
            warn_renamed(f'{SCOPE}.{name}', f'{SCOPE}.{new}')
            name = key = new
        if name in self.modules:
            import_module(self.modules[name])
        return super().get(key)


def exports(
    package: str, *registries: LazyRegistry, **modules: str
) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a package that exports its parts.

    Args:
        package: ``__name__`` of the package.
        registries: Registries whose parts below the package are offered.
        modules: Module of each other name, relative to the package.
    """

    def get_part(name: str) -> Any:
        if name in modules:
            return getattr(import_module(f'{package}.{modules[name]}'), name)
        for registry in registries:
            if registry.modules.get(name, '').startswith(f'{package}.'):
                return registry.get(name)
        raise AttributeError(f'module {package!r} has no attribute {name!r}')

    return get_part


MODELS = LazyRegistry(
    'model',
    parents.MODELS,
    {
        'DetDataPreprocessor': 'models.det_data_preprocessor',
        'DualReconstructionHead': 'models.heads.reconstruction_head',
        'MIMPVT': 'models.backbones.mim_pvt',
        'MIMSwin': 'models.backbones.mim_swin',
        'MIMTwins': 'models.backbones.mim_twins',
        'MIMViT': 'models.backbones.mim_vit',
        'MaskedImageModel': 'models.masked_image_model',
        'MaskedReconstructionHead': 'models.heads.reconstruction_head',
        'MaskingDataPreprocessor': 'models.data_preprocessor',
        'MixMAENeck': 'models.necks.mixmae_neck',
        'NormedPooling': 'models.necks.normed_pooling',
        'ReconstructionHead': 'models.heads.reconstruction_head',
        'SegDataPreProcessor': 'models.seg_data_preprocessor',
        'SimMIMNeck': 'models.necks.simmim_neck',
        'UMMAENeck': 'models.necks.um_mae_neck',
    },
)
# Maskings hold no tensors, so they are no modules in MODELS.
TASK_UTILS = LazyRegistry(
    'task util',
    parents.TASK_UTILS,
    {
        'RandomMasking': 'masking.masking',
        'UniformMasking': 'masking.masking',
    },
)
DATASETS = LazyRegistry(
    'dataset',
    parents.DATASETS,
    {
        'CheckedCocoDataset': 'datasets.checked_coco',
        'CheckedCustomDataset': 'datasets.checked_custom',
        'LmdbImages': 'datasets.lmdb_images',
        'PackedImages': 'datasets.packed_images',
        'PairedSegDataset': 'datasets.paired_masks',
        'UnlabeledImageFolder': 'datasets.unlabeled_image_folder',
    },
)
TRANSFORMS = LazyRegistry(
    'transform',
    parents.TRANSFORMS,
    {
        'CheckInstances': 'datasets.transforms.check_labels',
        'CheckLabelMap': 'datasets.transforms.check_labels',
        'DrawFlip': 'datasets.transforms.batched_transforms',
        'LoadImage': 'datasets.transforms.load_image',
        'LoadRandomResizedCrop': (
            'datasets.transforms.load_random_resized_crop'
        ),
        'PackImage': 'datasets.transforms.batched_transforms',
        'ResizeShortSide': 'datasets.transforms.resizing',
        'SeedSample': 'datasets.transforms.batched_transforms',
    },
)
DATA_SAMPLERS = LazyRegistry(
    'data sampler',
    parents.DATA_SAMPLERS,
    {'UpdateSampler': 'datasets.samplers.resumable_samplers'},
)
HOOKS = LazyRegistry(
    'hook',
    parents.HOOKS,
    {
        'CorruptFilesHook': 'engine.hooks.corrupt_files_hook',
        'ClassPictureHook': 'engine.hooks.visualization_hook',
        'CompileHook': 'engine.hooks.compile_hook',
        'DurableCheckpointHook': 'engine.hooks.durable_checkpoint_hook',
        'FiniteGuardHook': 'engine.hooks.finite_guard_hook',
        'InterruptHook': 'engine.hooks.interrupt_hook',
        'ProbeHook': 'engine.hooks.probe_hook',
        'ReconstructionHook': 'engine.hooks.reconstruction_hook',
        'ReportHook': 'engine.hooks.report_hook',
        'StepSeedHook': 'engine.hooks.step_seed_hook',
        'ThroughputHook': 'engine.hooks.throughput_hook',
        'AccumulationBoundaryHook': 'engine.hooks.accumulation_boundary_hook',
        'WatchdogHook': 'engine.hooks.watchdog_hook',
        'StrictLoadHook': 'engine.hooks.strict_load_hook',
    },
    renamed={
        'BadFilesHook': 'CorruptFilesHook',
        'UpdateBorderHook': 'AccumulationBoundaryHook',
        'WholeModelHook': 'StrictLoadHook',
    },
)
LOG_PROCESSORS = LazyRegistry(
    'log processor',
    parents.LOG_PROCESSORS,
    {'ThroughputLogProcessor': 'engine.hooks.throughput_hook'},
)
OPTIM_WRAPPERS = LazyRegistry(
    'optim wrapper',
    parents.OPTIM_WRAPPERS,
    {'AutocastOptimWrapper': 'engine.optimizers.autocast_optim_wrapper'},
)
OPTIM_WRAPPER_CONSTRUCTORS = LazyRegistry(
    'optim wrapper constructor',
    parents.OPTIM_WRAPPER_CONSTRUCTORS,
    {
        'LayerDecayOptimWrapperConstructor': (
            'engine.optimizers.layer_decay_constructor'
        ),
    },
)
LOOPS = LazyRegistry(
    'loop',
    parents.LOOPS,
    {
        'KNNTestLoop': 'engine.loops.knn_test_loop',
        'ResumableIterLoop': 'engine.loops.resumable_loops',
        'ResumableTrainLoop': 'engine.loops.resumable_loops',
    },
)
MODEL_WRAPPERS = LazyRegistry(
    'model wrapper',
    parents.MODEL_WRAPPERS,
    {'FullyShardedModel': 'engine.fsdp2'},
)
RUNNERS = LazyRegistry(
    'runner',
    parents.RUNNERS,
    {'ShardedRunner': 'engine.fsdp2'},
)
METRICS = LazyRegistry(
    'metric',
    parents.METRICS,
    {
        'ClassDetails': 'evaluation.class_details',
        'ReconstructionMetric': 'evaluation.reconstruction_metric',
    },
)
INFERENCERS = LazyRegistry(
    'inferencer',
    parents.INFERENCERS,
    {
        'FeatureExtractor': 'apis.feature_extractor',
        'Predictor': 'apis.predictor',
        'ReconstructionInferencer': 'apis.reconstruction_inferencer',
    },
)

VISBACKENDS = LazyRegistry(
    'vis backend',
    parents.VISBACKENDS,
    {'MLflowBackend': 'visualization.mlflow_backend'},
)
# Kinds of which we have no part: without a child of our scope MMEngine warns
# at every look-up of a part of its own.
EVALUATORS = LazyRegistry('evaluator', parents.EVALUATOR)
OPTIMIZERS = LazyRegistry('optimizer', parents.OPTIMIZERS)
PARAM_SCHEDULERS = LazyRegistry(
    'parameter scheduler', parents.PARAM_SCHEDULERS
)
VISUALIZERS = LazyRegistry('visualizer', parents.VISUALIZERS)


def our_parts() -> set[str]:
    """Return the names of all parts of mixmae, without importing them."""
    registries = [r for r in globals().values() if isinstance(r, LazyRegistry)]
    return {part for registry in registries for part in registry.modules}
