# Masks alone, of frames whose pH nobody knows: fume_fastscnn (FUME on Fast-SCNN, arXiv
# 2601.08205) with neither fusion nor health head, from any import into data/fume. That
# is the ablation tasks_seg_only, without balancing by a class.
_base_ = '../ablations/tasks_seg_only.py'
data_root = 'data/fume'
dataset = dict(data_root=data_root)
train_dataloader = dict(
    sampler=dict(type='DefaultSampler', shuffle=True), dataset=dataset
)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
