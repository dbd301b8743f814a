# Runtime of every segmentation config: mmseg's scope, hooks, processes,
# log.
_base_ = './runtime/hooks.py'

default_scope = 'mmseg'

default_hooks = dict(
    logger=dict(log_metric_by_epoch=False),
    checkpoint=dict(
        by_epoch=False,
        interval=16000,
        max_keep_ckpts=2,
        save_best='mIoU',
    ),
    # Auxiliary heads elude the count of operations.
    throughput=dict(mfu=False),
    # Refuses to train where accumulated updates would straddle epochs or
    # checkpoints.
    update_border=dict(type='mixmae.AccumulationBoundaryHook'),
    # Draws nothing by default; --show-dir of the test tools turns it on.
    visualization=dict(type='SegVisualizationHook'),
)

env_cfg = dict(cudnn_benchmark=True)

# No name: MMEngine then takes the experiment's. Visualizers of one name are
# one object, so a second run of a process would write to the first's folder.
visualizer = dict(
    type='SegLocalVisualizer', vis_backends=_base_.vis_backends, alpha=0.6
)

log_processor = dict(type='mixmae.ThroughputLogProcessor', by_epoch=False)
tta_model = dict(type='SegTTAModel')
