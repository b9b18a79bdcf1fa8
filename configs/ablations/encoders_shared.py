# Ablation of FUME (arXiv 2601.08205, founding document): one encoder for both gases. It
# is fume_fastscnn under the name of this row.
_base_ = '../fume/fume_fastscnn.py'
model = dict(backbone=dict(shared=True))
