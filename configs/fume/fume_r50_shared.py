# FUME on ResNet-50 with one encoder for both gases (the original's
# FUMEModelSharedEncoder), fusion on 512 channels as in fume_r50: 65,516,204 parameters.
# With the original's fusion on 2048 channels it would have 151.7 M.
_base_ = './fume_r50.py'
model = dict(backbone=dict(shared=True))
