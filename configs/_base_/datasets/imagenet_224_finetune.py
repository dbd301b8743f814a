# ImageNet-1K with labels, 224 pixels: data/imagenet/{train,val}/...
# Views as in Sense-X/MixMIM's fine-tuning (timm's rand-m9-mstd0.5-inc1, pixel
# noise for 0.25 of the images); test images at a short side of 256, the 224
# in their middle, and above 224 pixels the middle of the whole image. Mean and
# std are with the model.
data_root = 'data/imagenet'
batch_size = 128
img_size = 224
num_classes = 1000
bgr_mean = [103.53, 116.28, 123.675]
bgr_std = [57.375, 57.12, 58.395]

train_pipeline = [
    # The crops of mmpretrain's RandomResizedCrop, decoding only the required
    # part.
    dict(
        type='mixmae.LoadRandomResizedCrop',
        scale=img_size,
        interpolation='bicubic',
    ),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(
        type='RandAugment',
        policies='timm_increasing',
        num_policies=2,
        total_level=10,
        magnitude_level=9,
        magnitude_std=0.5,
        hparams=dict(
            pad_val=[round(value) for value in bgr_mean],
            interpolation='bicubic',
        ),
    ),
    # Noise of the mean and std that normalised pixels have.
    dict(
        type='RandomErasing',
        erase_prob=0.25,
        mode='rand',
        min_area_ratio=0.02,
        max_area_ratio=1 / 3,
        fill_color=bgr_mean,
        fill_std=bgr_std,
    ),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='mixmae.LoadImage'),
    dict(
        type='ResizeEdge',
        scale=img_size if img_size > 224 else img_size * 256 // 224,
        edge='short',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='CenterCrop', crop_size=img_size),
    dict(type='PackInputs'),
]

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    collate_fn=dict(type='default_collate'),
    # Drops what does not fill an update of batches and accumulation.
    sampler=dict(type='mixmae.UpdateSampler', shuffle=True),
    dataset=dict(
        type='ImageNet',
        data_root=data_root,
        split='train',
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
        type='ImageNet',
        data_root=data_root,
        split='val',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(
    type='Accuracy', topk=tuple(k for k in (1, 5) if k <= num_classes)
)
test_evaluator = val_evaluator
