"""Streets and rooms that we make."""
