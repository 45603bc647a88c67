"""The doctor: looks for what would stop a backup or a restore, before one is needed. It changes nothing."""
