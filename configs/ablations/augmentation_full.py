# Ablation of FUME (arXiv 2601.08205, founding document): the full augmentation. It is
# fume_fastscnn under the name of this row.
_base_ = '../fume/fume_fastscnn.py'
train_pipeline = [
    _base_.modality_dropout,
    *_base_.load_resized,
    _base_.augment,
    _base_.pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
