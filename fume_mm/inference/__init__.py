"""From frames to results: samples, predictors, the inferencer, files, export, video.

Only what a task needs is imported: an exported model runs without torch.
"""
