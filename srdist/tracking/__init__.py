"""Where a run can be followed and compared: Weights & Biases, TensorBoard, or its own files alone."""

from srdist.tracking.stages import track_stage
from srdist.tracking.tracker import Tracker, open_tracker

__all__ = ["Tracker", "open_tracker", "track_stage"]
