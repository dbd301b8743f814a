# Paper: MixMAE, arXiv 2205.13137, transfer to Places365
# Command: tools/dist_train.sh
#   configs/classification/swin-b_8xb128-70e_places365-224.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us; 16.3 GMACs forward per image, by arithmetic
# Expected: unknown: no result of Swin-B is published where we could read it
# Status: builds; not trained by us
# Deviations: settings ours: the paper's are not published; those of
#   ImageNet-1K are kept, for 70 epochs of more images
_base_ = './swin-b_8xb128-50e_places205-224.py'

data_root = 'data/places365'
num_classes = 365
model = dict(
    data_preprocessor=dict(num_classes=num_classes),
    head=dict(num_classes=num_classes),
)
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
# As many updates as on ImageNet-1K, which has 71 % of the images.
max_epochs = 70
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_epochs),
]
train_cfg = dict(max_epochs=max_epochs)
