# Runtime of every detection config: mmdet's scope, hooks, processes, log.
_base_ = './runtime/hooks.py'

default_scope = 'mmdet'

default_hooks = dict(
    checkpoint=dict(interval=1, max_keep_ckpts=3),
    # The images have many sizes, so that no count of operations fits.
    throughput=dict(mfu=False),
    # Refuses to train where accumulated updates would straddle epochs or
    # checkpoints.
    update_border=dict(type='mixmae.AccumulationBoundaryHook'),
    # Draws nothing by default; --show-dir of the test tools turns it on.
    visualization=dict(type='DetVisualizationHook'),
)
# No name: visualizers of one name are one object, so a second run of a
# process would write to the first's folder.
visualizer = dict(type='DetLocalVisualizer', vis_backends=_base_.vis_backends)
log_processor = dict(
    type='mixmae.ThroughputLogProcessor', window_size=50, by_epoch=True
)
