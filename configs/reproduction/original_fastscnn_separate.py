# FUMEFastSCNN with separate encoders as the original implementation of arXiv
# 2601.08205 trains it; all else as in fume_fastscnn here.
_base_ = './fume_fastscnn.py'
model = dict(backbone=dict(shared=False))
