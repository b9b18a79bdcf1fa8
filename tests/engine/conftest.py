"""The fixtures of drawn samples, for the hooks that draw."""

from tests.drawing.conftest import make_frames, make_sample  # noqa: F401
