# Ablation beyond FUME (arXiv 2601.08205): the health head also reads the sizes of the
# plumes that the mask heads predict, all else as in fume_fastscnn.
_base_ = '../fume/fume_fastscnn.py'
model = dict(health_head=dict(type='PlumeHealthHead'))
