# PAConv on S3DIS, tested on area 5 with 1% of the points labelled, 8 GPUs x 8 patches.
_base_ = ['mmdet3d::paconv/paconv_ssg_8xb8-cosine-150e_s3dis-seg.py']
custom_imports = dict(imports=['erda'], allow_failed_imports=False)

model = dict(
    data_preprocessor=dict(type='WeakSegDataPreprocessor'),
    decode_head=dict(
        type='ERDAPAConvHead',
        pseudo_labeler=dict(type='PrototypePseudoLabeler'),
        loss_erda=dict(type='ERDALoss')))

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='WeakLabelDataset',
        budget=dict(type='RatioBudget', ratio=0.01),
        dataset={{_base_.train_dataloader.dataset}}))

custom_hooks = [dict(type='RandomStateHook')]
