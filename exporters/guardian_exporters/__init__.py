"""Prometheus collectors: what a status says, as metrics. They see ``guardian.model.status`` and nothing else."""
