# Paper: UM-MAE, arXiv 2205.10063, with GFL, arXiv 2006.04388; implus/UM-MAE
#   DET/configs/gfl
# Command: tools/dist_train.sh
#   configs/detection/gfl_swin-t-um_8xb2-25e_coco-lsj.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: unknown: the paper's table could not be read
# Status: builds; not trained by us
# Deviations: outside of blocks the backbone's norms have their epsilon of
#   training, 1e-6, officially 1e-5; padding is kept out of attention
_base_ = [
    '../_base_/models/gfl_um-swin-t.py',
    '../_base_/datasets/coco_detection_lsj-1024.py',
    '../_base_/schedules/adamw_detection_25e.py',
    '../_base_/detection_runtime.py',
]

# After fine-tuning on ImageNet-1K, as officially.
pretrained = 'work_dirs/swin-t-um-mae_8xb64-100e_in1k-256/epoch_100.pth'
model = dict(
    data_preprocessor=dict(
        batch_augments=[dict(type='BatchFixedSizePad', size=_base_.image_size)]
    ),
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=pretrained)),
    bbox_head=dict(num_classes=_base_.num_classes),
)
