# What every detection config inherits: mmdet's runtime.
_base_ = 'mmdet::_base_/default_runtime.py'

# mmdet's own COCO data set drops bad entries without a word.
custom_imports = dict(imports=['mixmae.datasets.checked_coco'])
default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=3),
    watchdog=dict(type='mixmae.WatchdogHook', timeout=540),
)
# No name: visualizers of one name are one object, so a second run of a
# process would write to the first's folder.
visualizer = dict(
    _delete_=True,
    type='DetLocalVisualizer',
    vis_backends=[dict(type='LocalVisBackend')],
)
randomness = dict(seed=0)
