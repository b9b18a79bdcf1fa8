# FUME on Fast-SCNN (arXiv 2601.08205): one encoder for both gases, attention fusion, a
# head per gas, a health head. 1,656,236 parameters: the paper's ablation row "+ full
# cross-modal attention".
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/fume_fastscnn.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
