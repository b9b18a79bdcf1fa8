# FUME as figure 2 of its paper (arXiv 2601.08205) draws it, which its code does not
# build: channel attention in the encoder's blocks, attention divided by sqrt(d), none
# between the gases, decoders fed by the fused features, classifier 128-64-3.
_base_ = './fume_fastscnn.py'
model = dict(
    backbone=dict(encoder=dict(channel_attention=True)),
    neck=dict(cross_attention=False, scaled=True),
    decode_fused=True,
    health_head=dict(hidden_channels=(64,)),
)
