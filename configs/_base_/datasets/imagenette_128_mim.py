# Imagenette without its labels, 128 pixels: ten classes of ImageNet, or any
# other set laid out as data/imagenette128/{train,val}/<class>/*.jpg.
data_root = 'data/imagenette128'
batch_size = 64
img_size = 128
# Of the images: channels; sample values of black and white, None for 8 bits;
# mean and std of each channel, RGB of three. 'auto' = as the checkpoint that
# the run starts from, else measured on a sample of the training images.
in_channels = 3
value_range = None
mean = [123.675, 116.28, 103.53] if in_channels == 3 else 'auto'
std = [58.395, 57.12, 57.375] if in_channels == 3 else 'auto'
train_pipeline = [
    # Crops depend only on seed, epoch and image.
    dict(type='SeedSample'),
    dict(
        type='LoadRandomResizedCrop',
        scale=img_size,
        crop_ratio_range=(0.2, 1.0),
        interpolation='bicubic',
        channels=in_channels,
        value_range=value_range,
    ),
    # Drawn here, done on the device.
    dict(type='DrawFlip', prob=0.5),
    dict(type='PackImage'),
]
test_pipeline = [
    dict(type='LoadImage', channels=in_channels, value_range=value_range),
    dict(type='ResizeShortSide', scale=img_size),
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
# Labels are used only for evaluation, not for training.
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
