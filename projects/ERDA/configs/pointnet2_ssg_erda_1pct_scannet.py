# PointNet++ (SSG) on ScanNet with 1% of the points labelled, 2 GPUs x 16 patches.
_base_ = ['../../../configs/_base_/pointnet2_ssg_scannet.py']
custom_imports = dict(imports=['erda'], allow_failed_imports=False)

model = dict(
    data_preprocessor=dict(type='WeakSegDataPreprocessor'),
    decode_head=dict(
        type='ERDAPointNet2Head',
        pseudo_labeler=dict(type='PrototypePseudoLabeler'),
        loss_erda=dict(type='ERDALoss'),
        # The stock weights were counted on every label, which training must not see.
        loss_decode=dict(class_weight=None)))

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='WeakLabelDataset',
        budget=dict(type='RatioBudget', ratio=0.01),
        dataset={{_base_.train_dataloader.dataset}}))

custom_hooks = [dict(type='RandomStateHook')]
