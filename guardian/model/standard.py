"""What is said of standards in several rooms: levels of protection, and how surely something is known."""

from typing import Literal

Confidence = Literal["verified", "derived", "from-memory", "secondary"]
"""How surely we know what a standard says: read in its text, follows from that, remembered, or told by others."""

MlpsLevel = Literal["2", "3", "4"]
"""A level of classified protection (GB/T 22240)."""
