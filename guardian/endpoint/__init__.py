"""Metrics over HTTP, and as a file: one thread, TLS, mutual TLS and users as Prometheus' own exporters have them."""
