# Ablation of FUME's recipe (arXiv 2601.08205), a row that the paper does not have:
# fume_fastscnn tested on three views of each sample (as it is, mirrored, enlarged and
# cut), the probabilities averaged. Training is that of fume_fastscnn, so its checkpoint
# will do.
_base_ = '../fume/fume_fastscnn.py'
tta = True  # what --tta does in tools/test.py
