# Paper: Cascade R-CNN, arXiv 1906.09756, on MixMAE, arXiv 2205.13137
# Command: tools/dist_train.sh
#   configs/detection/cascade-mask-rcnn_swin-b_8xb4-36e_coco-lsj.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: unknown
# Status: builds; not trained by us
# Deviations: settings ours: schedule and jitter of
#   mask-rcnn_swin-b_8xb4-36e_coco-lsj.py, with the heads of mmdet's Cascade
#   Mask R-CNN as they are. Public recipes start from the checkpoint fine-tuned
#   on ImageNet-1K, this one from the pretraining; both load
_base_ = [
    '../_base_/models/cascade-mask-rcnn_mim-swin.py',
    '../_base_/datasets/coco_instance_lsj-1024.py',
    '../_base_/schedules/adamw_detection_3x.py',
    '../_base_/detection_runtime.py',
]

pretrained = 'work_dirs/swin-b_8xb128_600e/epoch_600.pth'
model = dict(
    data_preprocessor=dict(
        batch_augments=[
            dict(
                type='BatchFixedSizePad',
                size=_base_.image_size,
                pad_mask=True,
            )
        ],
    ),
    backbone=dict(
        with_cp=True,
        init_cfg=dict(type='Pretrained', checkpoint=pretrained),
    ),
    roi_head=dict(
        bbox_head=[
            dict(head, num_classes=_base_.num_classes)
            for head in _base_.model.roi_head.bbox_head
        ],
        mask_head=dict(num_classes=_base_.num_classes),
    ),
)
