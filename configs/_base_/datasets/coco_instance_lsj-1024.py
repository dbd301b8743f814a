# COCO 2017 with masks; large-scale jitter (2012.07177): images of 0.1 to 2
# times 1024 pixels, cropped to 1024. The model's preprocessor pads what is
# smaller. Tested at a short side of 1024.
# Source of the sizes: FastMIM's public recipe for a SimMIM Swin-B.
_base_ = './coco_instance.py'

batch_size = 4
img_size = 1024
image_size = (img_size, img_size)
train_pipeline = [
    # Read, checked, with boxes and masks.
    *_base_.train_pipeline[:3],
    dict(
        type='RandomResize',
        scale=image_size,
        ratio_range=(0.1, 2.0),
        keep_ratio=True,
    ),
    dict(
        type='RandomCrop',
        crop_type='absolute_range',
        crop_size=image_size,
        recompute_bbox=True,
        allow_negative_crop=True,
    ),
    dict(type='FilterAnnotations', min_gt_bbox_wh=(1e-2, 1e-2)),
    *_base_.train_pipeline[4:],
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='Resize',
        scale=(img_size * 1666 // 1024, img_size),
        keep_ratio=True,
    ),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='PackDetInputs', meta_keys=_base_.test_pipeline[-1].meta_keys),
]
# Crops are square: nothing to be grouped by shape.
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=4,
    batch_sampler=None,
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
