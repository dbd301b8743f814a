# ImageNet-1K without its labels, 224 pixels: data/imagenet/{train,val}/...
# Views as in Sense-X/MixMIM: crops of 20 to 100 % of the area, flips, nothing
# else. LoadImage rather than mmpretrain's LoadImageFromFile: it decodes with
# Pillow, as the official code does, and turns CMYK and grey files into RGB.
# Images that do not come from local disks (Petrel, S3) need the latter.
# Mean and std are with the model.
train_pipeline = [
    # Crops depend on seed, epoch and image alone.
    dict(type='SeedSample'),
    dict(type='LoadImage'),
    dict(
        type='mmpretrain.RandomResizedCrop',
        scale=224,
        crop_ratio_range=(0.2, 1.0),
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='mmpretrain.RandomFlip', prob=0.5),
    dict(type='mmpretrain.PackInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(
        type='mmpretrain.ResizeEdge',
        scale=256,
        edge='short',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='mmpretrain.CenterCrop', crop_size=224),
    # sample_idx seeds the mask of an image, so that figures can be compared.
    dict(type='mmpretrain.PackInputs', meta_keys=('sample_idx', 'img_path')),
]

batch_size = 128
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=8,
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
        type='mmpretrain.ImageNet',
        data_root='data/imagenet',
        split='train',
        with_label=False,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    drop_last=False,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpretrain.ImageNet',
        data_root='data/imagenet',
        split='val',
        with_label=False,
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
