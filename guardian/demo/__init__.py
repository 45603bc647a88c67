"""The embedded default: a real S3 server on loopback, for a first try, for demonstrations and for tests."""
