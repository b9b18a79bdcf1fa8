# FUMEFastSCNN as the original implementation of arXiv 2601.08205 trains it, with every
# quirk: (1) a frame of zeros in a missing gas's place, black after normalisation, which
# takes part in batch statistics; (2) batch statistics per gas in the shared encoder;
# (3) "elastic" deformation that is an affine map; (4) scaling that keeps the aspect;
# (5) photometry drawn once for both gases; (6) the last batch of an epoch kept, however
# small; (7) the best checkpoint by balanced accuracy, no min_delta; (8) 50 epochs; (9)
# class weights of health on top of class-balanced sampling.
# What is a defect there stays off: docs/differences.md.
_base_ = [
    '../_base_/datasets/original.py',
    '../_base_/models/fume_fastscnn.py',
    '../_base_/models/fume_published_loss.py',
    '../_base_/schedules/original.py',
    '../_base_/runtime/original.py',
]
model = dict(
    missing='black',
    black=-1.0,
    backbone=dict(norm_per_gas=True),
    health_head=dict(loss=_base_.fume_published_loss),
)
