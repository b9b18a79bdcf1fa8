# Ablation of FUME's recipe (arXiv 2601.08205), a row that the paper does not have: one
# gas of every fifth pair is left out in training. It is fume_fastscnn under the name of
# this row.
_base_ = '../fume/fume_fastscnn.py'
train_pipeline = [
    dict(type='ModalityDropout', prob=0.2),
    *_base_.load_resized,
    _base_.augment,
    _base_.pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
