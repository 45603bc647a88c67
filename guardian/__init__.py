"""Guardian: backup, restore proof and security monitoring for a province's government cloud."""

__version__ = "0.1.0"
