# Ablation of FUME (arXiv 2601.08205), Table 4 "+ self-attention only": attention within
# each gas and over channels, none between the gases, all else as in fume_fastscnn.
# The paper does not say whether its row keeps the channel attention; here it stays.
_base_ = '../fume/fume_fastscnn.py'
model = dict(neck=dict(type='AttentionFusion', cross_attention=False))
