"""Backing up: one protected run, its post-conditions, its receipt."""
