"""Settings of every test."""

import pytest
import torch

# One thread a test process: `pytest -n 2` fills two cores with processes, and sums keep
# one order, so results can be compared to the bit.
torch.set_num_threads(1)


@pytest.fixture
def seeded() -> None:
    """Start the test from one state of torch's generator."""
    torch.manual_seed(0)
