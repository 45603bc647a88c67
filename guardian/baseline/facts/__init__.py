"""Facts: what was read of a target, each a value or ``$err`` with the reason. Collectors judge nothing."""
