# Ablation of FUME (arXiv 2601.08205, founding document): the gases' features added, so
# a fusion with nothing to learn, all else as in fume_fastscnn.
# A missing gas adds nothing.
_base_ = '../fume/fume_fastscnn.py'
model = dict(neck=dict(type='AddFusion'))
