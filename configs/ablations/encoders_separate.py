# Ablation of FUME (arXiv 2601.08205, founding document): an encoder for each gas, all
# else as in fume_fastscnn. The same model as fume_fastscnn_separate.
_base_ = '../fume/fume_fastscnn.py'
model = dict(backbone=dict(shared=False))
