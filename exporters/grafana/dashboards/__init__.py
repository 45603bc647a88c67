"""Dashboards as code: what each shows, in both languages, from which ``exporters/grafana/{zh,en}/*.json`` are made.

A tool of development: it is not part of the package, and needs ``grafana-foundation-sdk``.
"""
