# Ablation of FUME's recipe (arXiv 2601.08205), a row that the paper does not have: no
# modality dropout, all else as in fume_fastscnn.
# Samples that lack a gas on disk still lack it.
_base_ = '../fume/fume_fastscnn.py'
train_pipeline = [*_base_.load_resized, _base_.augment, _base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
