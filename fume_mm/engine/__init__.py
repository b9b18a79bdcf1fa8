"""What the Runner is extended with: hooks, loops, the optimiser wrapper."""
