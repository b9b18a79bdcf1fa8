# Ablation of FUME (arXiv 2601.08205, founding document): no augmentation of the frames,
# all else as in fume_fastscnn.
# Modality dropout stays, it has an ablation of its own.
_base_ = '../fume/fume_fastscnn.py'
train_pipeline = [_base_.modality_dropout, *_base_.load_resized, _base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
