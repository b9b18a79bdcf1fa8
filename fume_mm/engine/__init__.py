"""What the Runner is extended with: hooks and the optimiser wrapper."""

from . import hooks, optim  # noqa: F401
