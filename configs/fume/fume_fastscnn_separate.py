# FUME on Fast-SCNN (arXiv 2601.08205) with an encoder per gas: the original's
# FUMEFastSCNN with separate encoders, 2,728,124 parameters.
# All else as in fume_fastscnn.
_base_ = './fume_fastscnn.py'
model = dict(backbone=dict(shared=False))
