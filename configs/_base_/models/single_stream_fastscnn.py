# One stream, as FUME's baselines have it: one Fast-SCNN encoder and one mask head for
# the frames of either gas. Samples are single frames, so adding the gases changes
# nothing; it only gives a pair a health class, too.
_base_ = './fume_fastscnn.py'
model = dict(neck=dict(type='AddFusion'), share_decode_head=True)
