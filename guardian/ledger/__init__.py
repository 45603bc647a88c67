"""The log: an append-only Merkle tree of signed statements, and the proofs that it was never altered."""
