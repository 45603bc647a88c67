"""Scans written for programs and people."""
