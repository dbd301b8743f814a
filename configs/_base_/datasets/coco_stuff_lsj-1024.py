# COCO 2017 with masks, and maps of things and stuff for the semantic branch of
# HTC: data/coco/stuffthingmaps/train2017/*.png of COCO-Stuff. Else as
# coco_instance_lsj-1024.py.
_base_ = './coco_instance_lsj-1024.py'

train_pipeline = [
    *_base_.train_pipeline[:2],
    dict(
        type='LoadAnnotations', with_bbox=True, with_mask=True, with_seg=True
    ),
    *_base_.train_pipeline[3:],
]
train_dataloader = dict(
    dataset=dict(
        data_prefix=dict(img='train2017/', seg='stuffthingmaps/train2017/'),
        pipeline=train_pipeline,
    ),
)
