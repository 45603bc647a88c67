"""Restore drills: what they draw, what they compare, and what that proves."""
