"""Modules that have moved: their old names import with a warning.

For one minor version; CHANGELOG has the table of public names.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType
from typing import Any

PACKAGE = __name__.rpartition('.')[0]
# Old and new package, relative to ours: modules, as old:new if renamed.
_MOVED = {
    ('apis', 'apis'): (
        'image_source:image_input image_stream:image_input '
        'normalisation:image_preparation'
    ),
    ('apis', 'cli'): 'arguments:shared_arguments',
    ('checkpoints', 'checkpoints.conversion'): (
        'bias_tables:tensor_layout merging_order:tensor_layout '
        'mmpretrain_mixmim openmmlab_swin position_halves:tensor_layout '
        'swin_settings timm_swin'
    ),
    ('checkpoints', 'checkpoints.io'): (
        'download safe_globals:pickle_check safe_load safetensors_file'
    ),
    ('checkpoints', 'checkpoints.loading'): (
        'backbone_state carried_parts:config_allowlist '
        'channel_order:recorded_model config_text:recorded_model key_map '
        'key_report:key_map official_mixmim:official_weights '
        'official_um_mae:official_weights recorded_model '
        'untraced_settings:recorded_model'
    ),
    ('checkpoints', 'fileio'): (
        'durable_file:atomic_write trust:safe_path whole_file:atomic_write'
    ),
    ('checkpoints.conversion', 'checkpoints.conversion'): (
        'bias_tables:tensor_layout merging_permutation:tensor_layout '
        'model_card:release position_channels:tensor_layout '
        'position_table:tensor_layout source:conversion '
        'timm_weights:timm_swin'
    ),
    ('checkpoints.io', 'checkpoints.io'): (
        'named_weights:download replaced_globals:pickle_check'
    ),
    ('checkpoints.loading', 'checkpoints.loading'): (
        'channel_order:recorded_model code_base:key_map '
        'config_text:recorded_model hyperparameter_check:recorded_model '
        'key_report:key_map official_mixmim:official_weights '
        'official_um_mae:official_weights'
    ),
    ('cli', 'cli'): 'command:subcommands command_parser:command_line',
    ('cli', 'cli.commands'): 'convert plan train_arguments:train',
    ('cli', 'fileio'): 'work_dir_lock:file_lock',
    ('config', 'cli'): 'formatted_config:runner_builder',
    ('config', 'config'): (
        'base_path:config_paths config_error:failure_report '
        'config_options:config_file data_paths:config_paths '
        'private_addresses:config_file run_keys:option_values'
    ),
    ('datasets', 'data_tools'): 'label_lists:inaturalist_places_lists',
    ('datasets', 'config'): (
        'bad_annotation_error:failure_report bad_data_error:failure_report'
    ),
    ('datasets', 'datasets'): (
        'existing_files:listed_paths lmdb_reader:lmdb_images'
    ),
    ('datasets', 'datasets.corrupt'): (
        'bad_file_list:corrupt_file_list '
        'bad_file_register:corrupt_file_list broken_files:corrupt_files '
        'broken_image_error:corrupt_image_error '
        'stand_in_pipeline:corrupt_files'
    ),
    ('datasets', 'datasets.images'): (
        'image_file jpeg_decoder jpeg_header:jpeg_decoder'
    ),
    ('datasets', 'datasets.labels'): 'instance_faults',
    ('datasets', 'datasets.transforms'): (
        'crop_box:resizing crop_resize:resizing '
        'staged_pipeline:batched_transforms'
    ),
    ('datasets', 'fileio'): (
        'escaped_path:shown_text image_listing parallel_map:worker_processes '
        'path_list'
    ),
    ('datasets.corrupt', 'config'): (
        'annotation_error:failure_report data_error:failure_report'
    ),
    ('datasets.images', 'datasets.images'): 'jpeg_header:jpeg_decoder',
    ('datasets.samplers', 'datasets.samplers'): (
        'endless_batches:resumable_samplers epoch_batches:resumable_samplers '
        'infinite_batch_sampler:resumable_samplers '
        'sample_index:resumable_samplers update_sampler:resumable_samplers'
    ),
    ('datasets.scenes', 'datasets.scenes'): 'shapes:signed_distances',
    ('datasets.shards', 'data_tools.packing'): (
        'pack_settings pack_source packing shrinking'
    ),
    ('datasets.shards', 'datasets.packed'): (
        'name_list sample_table shard_file:shards shard_reader:shards '
        'tar_listing'
    ),
    ('datasets.shards', 'datasets'): 'sample_list:packed_images',
    ('datasets.transforms', 'datasets.transforms'): (
        'draw_flip:batched_transforms pack_image:batched_transforms '
        'seed_sample:batched_transforms'
    ),
    ('datasets.verification', 'data_tools.verification'): (
        'class_folders:classification_set coco_set:coco_layout_set '
        'image_files:inspection image_folder:unlabelled_set '
        'image_lists:classification_set known_sets segmentation_set '
        'shard_folder:unlabelled_set verifier'
    ),
    ('datasets.verification', 'datasets'): 'existing_files:listed_paths',
    ('datasets.verification', 'datasets.labels'): (
        'coco_annotations:coco_entry_faults'
    ),
    ('datasets.verification', 'fileio'): 'safe_path',
    ('distributed', 'engine.hooks'): 'shielded_worker:interrupt_hook',
    (
        'engine',
        'checkpoints.io',
    ): 'checkpoint_loader:mmengine_loaders checkpoint_writer',
    ('engine', 'cli'): (
        'command_line formatted_config:runner_builder '
        'loader_limits:runner_builder runner_choice:runner_builder'
    ),
    ('engine', 'config'): (
        'config_file data_paths:config_paths failure_report '
        'pickled_data:config_paths setup_errors:config_error_lines'
    ),
    ('engine', 'distributed'): (
        'patient_group:process_group process_group watchdog'
    ),
    ('engine', 'engine.hooks'): (
        'prediction_drawing:visualization_hook spared_worker:interrupt_hook '
        'throughput_log_processor:throughput_hook'
    ),
    ('engine', 'fileio'): 'work_dir_lock:file_lock',
    ('engine', 'profiling'): (
        'flops gpu_table matmul_rate:throughput run_plan:memory '
        'run_settings:run_sizes saved_bytes:memory throughput'
    ),
    ('engine', 'visualization'): (
        'loss_curve panel_stack:reconstruction_panel reconstruction_panel'
    ),
    ('engine.conversion', 'checkpoints.conversion'): (
        'conversion incoming:mixmim network outgoing:bare_backbone '
        'position_table:tensor_layout source:conversion um_mae'
    ),
    ('engine', 'engine'): 'fsdp:fsdp2',
    ('engine.fsdp', 'engine'): (
        'fully_sharded_model:fsdp2 local_parameters:fsdp2 sharded_runner:fsdp2'
    ),
    ('engine.hooks', 'engine.hooks'): (
        'bad_files_hook:corrupt_files_hook '
        'class_picture_hook:visualization_hook '
        'finite_checkpoint:finite_guard_hook '
        'update_border_hook:accumulation_boundary_hook '
        'whole_model_hook:strict_load_hook'
    ),
    ('engine.loops', 'engine.loops'): (
        'resumable_iter_loop:resumable_loops '
        'resumable_train_loop:resumable_loops'
    ),
    ('engine.manifest', 'engine.manifest'): 'image_names:run_record',
    ('engine.optimizers', 'engine'): 'step_guard:finite_values',
    ('engine.sharding', 'engine'): (
        'fully_sharded_model:fsdp2 parameter_shards:fsdp2 sharded_runner:fsdp2'
    ),
    ('evaluation', 'evaluation'): (
        'dense_probe:linear_probe features:feature_extraction'
    ),
    ('fileio', 'fileio'): (
        'checksummed_write:atomic_write escaped_path:shown_text '
        'hidden_address:address parallel_map:worker_processes '
        'parent_watch:worker_processes printable:shown_text '
        'private_folder:listing_cache regular_file:safe_path trust:safe_path'
    ),
    ('masking', 'masking'): 'random_masking:masking uniform_masking:masking',
    ('models', 'models'): 'any_channels:data_preprocessor',
    ('models', 'structures'): 'encoder_input:attention_groups',
    ('models.backbones', 'models.backbones'): (
        'arch_settings:mim_swin pyramid_archs:pyramid_backbone '
        'pyramid_stages:pyramid_backbone'
    ),
    ('models.backbones', 'models.layers'): 'positions:absolute_positions',
    ('models.heads', 'models.heads'): (
        'dual_reconstruction_head:reconstruction_head '
        'masked_reconstruction_head:reconstruction_head '
        'pixel_target:reconstruction_head'
    ),
    ('models.layers', 'models.layers'): (
        'attention_sdpa:attention_backends bias_resize:position_bias '
        'drop_path:transformer_block initialisation:transformer_block '
        'key_cells:reduced_attention learned_positions:absolute_positions '
        'local_attention:attention plain_module:custom_backward '
        'position_conv:pyramid_stage recomputed_linear:custom_backward '
        'sincos:absolute_positions spatial_reduction:reduced_attention '
        'stage:swin_stage traced_size:patches windows:attention_layout'
    ),
    ('preflight', 'preflight'): 'channels:number_check preflight:check',
    ('profiling', 'profiling'): (
        'activation_memory:memory peak_flops:throughput'
    ),
    ('structures', 'structures'): 'encoder_input:attention_groups',
    ('visualization', 'visualization'): 'panel_stack:reconstruction_panel',
    ('visualization.report', 'visualization.report'): (
        'public_text:report_page'
    ),
}
MODULES = {
    f'{old}.{pair.partition(":")[0]}': f'{new}.{pair.split(":")[-1]}'
    for (old, new), names in _MOVED.items()
    for pair in names.split()
}
# Names within them, or within one of them.
NAMES = {
    'BadAnnotationError': 'AnnotationError',
    'BadDataError': 'DataError',
    'BadFile': 'CorruptFile',
    'BadFileList': 'CorruptFileList',
    'BadFileRegister': 'CorruptFileRegister',
    'BadFilesHook': 'CorruptFilesHook',
    'BrokenFiles': 'CorruptFiles',
    'BrokenImageError': 'CorruptImageError',
    'EndlessBatches': 'InfiniteBatchSampler',
    'EpochBatches': 'ResumableBatchSampler',
    'ImageSource': 'ImageInput',
    'KeyCells': 'KeyRegions',
    'PATIENT_GROUP': 'HOST_BARRIER',
    'SavedBytes': 'ActivationMemory',
    'SparedWorker': 'ShieldedWorker',
    'StagedPipeline': 'BatchedPipeline',
    'StandInPipeline': 'FallbackPipeline',
    'TooManyBrokenImagesError': 'TooManyCorruptFilesError',
    'UpdateBorderHook': 'AccumulationBoundaryHook',
    'WholeModelHook': 'StrictLoadHook',
    'coco_faults': 'coco_entry_faults',
    'engine.command_line.add_common_arguments': 'add_run_arguments',
    'engine.command_line.read_config': 'run_config',
    'engine.run_plan.Network': 'PlannedNetwork',
    'list_sources': 'list_inputs',
    'matmul_rate': 'measure_peak_flops',
    'read_bad_files': 'read_corrupt_files',
    'read_config_file': 'read_config',
    'whole_file': 'atomic_write',
    'write_bad_files': 'write_corrupt_files',
    'write_durably': 'checksummed_write',
}
# Old packages; the finder is asked only for those that are gone.
PACKAGES = {name.rpartition('.')[0] for name in MODULES}


class RenamedModule(ModuleType):
    """Module that looks its names up in another one."""

    def __getattr__(self, name: str) -> Any:
        old = self.__name__.removeprefix(f'{PACKAGE}.')
        new = MODULES.get(old)
        # Python looks up special names such as __path__.
        if new is None or name.startswith('__'):
            raise AttributeError(f'{self.__name__} has no attribute {name!r}')
        module = import_module(f'{PACKAGE}.{new}')
        return getattr(
            module, NAMES.get(f'{old}.{name}', NAMES.get(name, name))
        )


class RenamedModuleFinder(MetaPathFinder, Loader):
    """Importer of the old names; the last one in ``sys.meta_path``."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Spec of an old name; ``None`` for any other."""
        name = fullname.removeprefix(f'{PACKAGE}.')
        if name not in MODULES and name not in PACKAGES:
            return None
        return spec_from_loader(fullname, self, is_package=name in PACKAGES)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Empty module, which looks its names up later."""
        return RenamedModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Warn."""
        new = MODULES.get(module.__name__.removeprefix(f'{PACKAGE}.'))
        if new is not None:
            # `mixmae --help` needs nothing of it.
            from mixmae.deprecation import warn_renamed

            warn_renamed(module.__name__, f'{PACKAGE}.{new}')


def install() -> None:
    """Let the old names be imported."""
    if not any(isinstance(x, RenamedModuleFinder) for x in sys.meta_path):
        sys.meta_path.append(RenamedModuleFinder())
