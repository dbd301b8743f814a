# The embedded synthetic scenes, 64 pixels, 2,048 + 512 of them:
#   python tools/dataset_converters/make_scenes.py data/scenes
# Scenes are small and objects in them smaller, so crops keep at least 40 % of
# the area. Mean and std (ImageNet's) are with the model.
train_pipeline = [
    # Crops depend on seed, epoch and image alone.
    dict(type='SeedSample'),
    dict(
        type='LoadRandomResizedCrop',
        scale=64,
        crop_ratio_range=(0.4, 1.0),
        interpolation='bicubic',
    ),
    # Drawn here, done on the device.
    dict(type='DrawFlip', prob=0.5),
    dict(type='PackImage'),
]
test_pipeline = [
    dict(type='LoadImage'),
    # sample_idx seeds the mask of an image, so that figures can be compared.
    dict(type='mmpretrain.PackInputs', meta_keys=('sample_idx', 'img_path')),
]

batch_size = 64
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=1,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    collate_fn=dict(type='default_collate'),
    # A config that accumulates gradients says so here too.
    sampler=dict(
        type='UpdateSampler',
        shuffle=True,
        batch_size=batch_size,
        accumulative_counts=1,
    ),
    dataset=dict(
        type='mmpretrain.CustomDataset',
        data_root='data/scenes/imagenet',
        data_prefix='train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=1,
    persistent_workers=True,
    pin_memory=True,
    drop_last=False,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpretrain.CustomDataset',
        data_root='data/scenes/imagenet',
        data_prefix='val',
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='ReconstructionMetric')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
val_cfg = dict()
test_cfg = dict()

# What the network sees and what it makes of it, for the visualizer.
custom_hooks = [dict(type='ReconstructionHook', interval=20)]
