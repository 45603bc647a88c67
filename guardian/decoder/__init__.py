"""Reads restic repositories, format 1 and 2, without the restic program: a second opinion on what it wrote.

Start with :func:`guardian.decoder.repository.open_repository`. Nothing in this room writes, and nothing in it knows
where the bytes come from: it asks a :class:`guardian.model.reader.Reader`.
"""
