# Paper: MixMAE, arXiv 2205.13137, transfer to iNaturalist 2019
# Command: tools/dist_train.sh
#   configs/classification/swin-b_8xb128-100e_inaturalist2019-224.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us; 16.3 GMACs forward per image, by arithmetic
# Expected: unknown: no result of Swin-B is published where we could read it
# Status: builds; not trained by us
# Deviations: settings ours: the paper's are not published; those of
#   ImageNet-1K are kept
_base_ = './swin-b_8xb128-100e_inaturalist2018-224.py'

data_root = 'data/inaturalist2019'
num_classes = 1010
model = dict(
    data_preprocessor=dict(num_classes=num_classes),
    head=dict(num_classes=num_classes),
)
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
