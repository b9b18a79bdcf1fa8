"""Settings of every test."""

import os

import pytest
import torch

# One thread a test process, and a process that it starts: `pytest -n 2` fills two cores
# with processes, and sums keep one order, so results can be compared to the bit.
os.environ['OMP_NUM_THREADS'] = '1'
torch.set_num_threads(1)


@pytest.fixture
def seeded() -> None:
    """Start the test from one state of torch's generator."""
    torch.manual_seed(0)
