"""What opens repositories and signs evidence: passwords, signing keys, where they lie."""
