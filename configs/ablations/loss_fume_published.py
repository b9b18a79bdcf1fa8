# Ablation of FUME's recipe (arXiv 2601.08205), a row that the paper does not have: the
# published class weights of health (1, 8, 1.2), all else as in fume_fastscnn, so on top
# of a sampler that balances the classes, as the founding document has both.
_base_ = ['../fume/fume_fastscnn.py', '../_base_/models/fume_published_loss.py']
model = dict(health_head=dict(loss=_base_.fume_published_loss))
