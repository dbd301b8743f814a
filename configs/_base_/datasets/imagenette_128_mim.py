# Imagenette without its labels, 128 pixels: ten classes of ImageNet, or any
# other set laid out as data/imagenette128/{train,val}/<class>/*.jpg.
data_root = 'data/imagenette128'
batch_size = 64
img_size = 128
train_pipeline = [
    # Crops depend on seed, epoch and image alone.
    dict(type='SeedSample'),
    dict(
        type='LoadRandomResizedCrop',
        scale=img_size,
        crop_ratio_range=(0.2, 1.0),
        interpolation='bicubic',
    ),
    # Drawn here, done on the device.
    dict(type='DrawFlip', prob=0.5),
    dict(type='PackImage'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(
        type='mmpretrain.ResizeEdge',
        scale=img_size,
        edge='short',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='mmpretrain.CenterCrop', crop_size=img_size),
    # sample_idx seeds the mask of an image, so that figures can be compared.
    dict(type='mmpretrain.PackInputs', meta_keys=('sample_idx', 'img_path')),
]
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='UpdateSampler'),
    dataset=dict(
        type='mmpretrain.CustomDataset',
        data_root=data_root,
        data_prefix='train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpretrain.CustomDataset',
        data_root=data_root,
        data_prefix='val',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='ReconstructionMetric')
test_evaluator = val_evaluator
val_cfg = dict()
test_cfg = dict()
# Labels measure what has been learnt; nothing of them reaches the network.
probe_train = dict(
    batch_size=batch_size,
    num_workers=1,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpretrain.CustomDataset',
        data_root=data_root,
        data_prefix='train',
        pipeline=test_pipeline,
    ),
)
custom_hooks = [
    dict(
        type='ProbeHook',
        train_dataloader=probe_train,
        val_dataloader=val_dataloader,
        interval=10,
    ),
    dict(type='ReconstructionHook', interval=10),
]
