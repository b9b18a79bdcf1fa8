"""The fixtures of scored samples, for the tables of their scores."""

from tests.evaluation.conftest import *  # noqa: F403
