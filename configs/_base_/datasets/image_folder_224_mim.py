# Any folder of images, 224 pixels: JPEG, PNG, WebP, BMP and TIFF files below
# data/images, at any depth. To use another one:
#   --cfg-options train_dataloader.dataset.data_root=/my/pictures \
#       val_dataloader.dataset.data_root=/my/pictures
# The reconstruction error is measured on the first 1,000 images: it says how
# well the model fits, and compares checkpoints; give val_dataloader a
# data_root of its own for more. Mean and std (ImageNet's) are with the model.
train_pipeline = [
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
        type='UnlabeledImageFolder',
        data_root='data/images',
        max_broken_share=0.01,
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
        data_root='data/images',
        indices=1000,
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='ReconstructionMetric')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
