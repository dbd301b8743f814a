# Runtime of every classification config: mmpretrain's scope, hooks,
# processes and log.
_base_ = './runtime/hooks.py'

default_scope = 'mmpretrain'

default_hooks = dict(
    checkpoint=dict(interval=5, max_keep_ckpts=2),
    # Draws nothing by default; --show-dir of the test tools turns it on.
    visualization=dict(type='VisualizationHook', enable=False),
)
custom_hooks = [
    # Refuses to train where accumulated updates would straddle epochs or
    # checkpoints.
    dict(type='mixmae.AccumulationBoundaryHook'),
    # Training skips files that are no images and lists them in the work
    # folder's corrupt_files.txt; too many of them stop the run.
    dict(type='mixmae.CorruptFilesHook', max_corrupt_ratio=0.01),
]
# Gradients live in the buffers they are exchanged in.
model_wrapper_cfg = dict(
    type='MMDistributedDataParallel',
    broadcast_buffers=False,
    gradient_as_bucket_view=True,
)
visualizer = dict(type='UniversalVisualizer', vis_backends=_base_.vis_backends)
log_processor = dict(type='mixmae.ThroughputLogProcessor', window_size=50)
randomness = dict(deterministic=False)
