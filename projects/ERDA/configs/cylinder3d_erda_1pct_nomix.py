# Cylinder3D on SemanticKITTI with 1% of the points labelled, 4 GPUs x 4 scans.
# The plain recipe, without LaserMix and PolarMix.
_base_ = ['mmdet3d::cylinder3d/cylinder3d_4xb4-3x_semantickitti.py']
custom_imports = dict(imports=['erda'], allow_failed_imports=False)

model = dict(
    data_preprocessor=dict(type='WeakSegDataPreprocessor'),
    decode_head=dict(
        type='ERDACylinder3DHead',
        pseudo_labeler=dict(type='PrototypePseudoLabeler'),
        loss_erda=dict(type='ERDALoss')))

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='WeakLabelDataset',
        budget=dict(type='RatioBudget', ratio=0.01),
        dataset={{_base_.train_dataloader.dataset}}))

auto_scale_lr = dict(base_batch_size=16)
custom_hooks = [dict(type='RandomStateHook')]
