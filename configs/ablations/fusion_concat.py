# Ablation of FUME (arXiv 2601.08205, founding document): the gases joined by
# concatenation and a 1x1 convolution, all else as in fume_fastscnn.
# With one hidden layer less in the classifier it is the row FUME of Table 4, which is
# fume_fastscnn_concat.
_base_ = '../fume/fume_fastscnn.py'
model = dict(neck=dict(type='ConcatFusion'))
