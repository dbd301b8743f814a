# Runtime of pretraining configs: scope, hooks, processes, log.
_base_ = './runtime/hooks.py'

default_scope = 'mixmae'

default_hooks = dict(
    checkpoint=dict(interval=10, max_keep_ckpts=3),
    # Training skips files that are no images and lists them in the work
    # folder's corrupt_files.txt; too many of them stop the run.
    corrupt_files=dict(type='mixmae.CorruptFilesHook', max_corrupt_ratio=0.01),
    # Refuses to train where accumulated updates would straddle epochs or
    # checkpoints.
    update_border=dict(type='mixmae.AccumulationBoundaryHook'),
)

# Several ranks: gradients live in the buffers they are exchanged in, so they
# are neither held twice nor copied. (static_graph=True only without
# accumulation; find_unused_parameters=True here for models that need it.)
model_wrapper_cfg = dict(
    type='MMDistributedDataParallel',
    broadcast_buffers=False,
    gradient_as_bucket_view=True,
)

# No name: MMEngine then takes the experiment's. Visualizers of one name are
# one object, so a second run of a process would write to the first's folder.
visualizer = dict(type='Visualizer', vis_backends=_base_.vis_backends)

log_processor = dict(type='mixmae.ThroughputLogProcessor', window_size=50)
