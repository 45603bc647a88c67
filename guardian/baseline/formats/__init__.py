"""Scans written for programs: JSON, CSV, OCSF, OSCAL, SARIF and JUnit. Pages for people are in :mod:`guardian.audit`.

A format is a function from a scan to pieces of text, in the language in use; nothing of the size of a scan is held
beside the scan itself. The same scan gives the same text.
"""
