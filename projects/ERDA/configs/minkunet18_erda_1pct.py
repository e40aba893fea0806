# MinkUNet18-W32 on SemanticKITTI with 1% of the points labelled, 8 GPUs x 2 scans.
# mmdet3d's plain 15-epoch recipe, without LaserMix and PolarMix.
_base_ = ['mmdet3d::minkunet/minkunet18_w32_torchsparse_8xb2-amp-15e_semantickitti.py']
custom_imports = dict(imports=['erda'], allow_failed_imports=False)

model = dict(
    data_preprocessor=dict(type='WeakSegDataPreprocessor', batch_first=True),
    backbone=dict(sparseconv_backend='spconv'),
    decode_head=dict(
        type='ERDAMinkUNetHead',
        pseudo_labeler=dict(type='PrototypePseudoLabeler'),
        loss_erda=dict(type='ERDALoss')))

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='WeakLabelDataset',
        budget=dict(type='RatioBudget', ratio=0.01),
        dataset={{_base_.train_dataloader.dataset}}))

# The stock file trains in half precision; here that is tools/train.py --amp.
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer={{_base_.optim_wrapper.optimizer}})

auto_scale_lr = dict(base_batch_size=16)
custom_hooks = [dict(type='RandomStateHook')]
