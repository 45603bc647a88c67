"""The configuration: one YAML file on a host becomes nouns, or a list of everything that is wrong with it."""
