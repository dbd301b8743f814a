# ImageNet-1K without its labels, 224 pixels: data/imagenet/{train,val}/...
# Views as in Sense-X/MixMIM: crops of 20 to 100 % of the area, flips, nothing
# else. LoadRandomResizedCrop draws the crops of mmpretrain's
# LoadImageFromFile and RandomResizedCrop and is about twice as fast: it
# decodes the rows that are needed. With exact=True pixels are those of Pillow,
# as in the official code, otherwise 44 dB from them. Images that do not come
# from local disks (Petrel, S3) need mmpretrain's data set and transforms.
data_root = 'data/imagenet'
batch_size = 128
img_size = 224
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
    dict(type='ResizeShortSide', scale=img_size * 256 // 224),
    dict(type='mmpretrain.CenterCrop', crop_size=img_size),
    # sample_idx seeds the mask of an image, so that figures can be compared.
    dict(type='mmpretrain.PackInputs', meta_keys=('sample_idx', 'img_path')),
]

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    collate_fn=dict(type='default_collate'),
    # Drops what does not fill an update of batches and accumulation.
    sampler=dict(type='UpdateSampler', shuffle=True),
    dataset=dict(
        type='UnlabeledImageFolder',
        data_root=data_root,
        data_prefix='train',
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
        type='UnlabeledImageFolder',
        data_root=data_root,
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
