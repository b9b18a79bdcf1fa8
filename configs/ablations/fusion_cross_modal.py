# Ablation of FUME (arXiv 2601.08205), Table 4 "+ full cross-modal attention": attention
# within and between the gases. It is fume_fastscnn under the name of this row.
_base_ = '../fume/fume_fastscnn.py'
model = dict(neck=dict(type='AttentionFusion', cross_attention=True))
