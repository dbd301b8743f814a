# Paper: MixMAE, arXiv 2205.13137, transfer to iNaturalist 2018
# Command: tools/dist_train.sh
#   configs/classification/swin-b_8xb128-100e_inaturalist2018-224.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us; 16.3 GMACs forward per image, by arithmetic
# Expected: unknown: no result of Swin-B is published where we could read it
# Status: builds; not trained by us
# Deviations: settings ours: the paper's are not published; those of
#   ImageNet-1K are kept
_base_ = [
    '../_base_/models/mim-swin-b_classifier.py',
    '../_base_/datasets/image_lists_224_finetune.py',
    '../_base_/schedules/adamw_finetune_100e.py',
    '../_base_/classification_runtime.py',
]

data_root = 'data/inaturalist2018'
num_classes = 8142
pretrained = 'work_dirs/swin-b_8xb128_600e/epoch_600.pth'
model = dict(
    data_preprocessor=dict(num_classes=num_classes),
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=pretrained)),
    head=dict(num_classes=num_classes),
)
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
auto_scale_lr = dict(base_batch_size=1024)
