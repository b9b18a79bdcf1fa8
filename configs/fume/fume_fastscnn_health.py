# Health alone, of frames without masks: fume_fastscnn (FUME on Fast-SCNN, arXiv
# 2601.08205) without its mask heads, from any import with pH or class into data/fume.
# That is the ablation tasks_cls_only on other data.
_base_ = '../ablations/tasks_cls_only.py'
data_root = 'data/fume'
dataset = dict(data_root=data_root)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
