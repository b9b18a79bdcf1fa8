"""What the tools call: configs, checkpoints, runners, models."""
