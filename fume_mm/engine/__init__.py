"""What the Runner is extended with: hooks, loops, the optimiser wrapper."""

from . import hooks, loops, optim  # noqa: F401
