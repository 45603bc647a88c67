"""The nouns of Guardian: frozen, without input or output, one family a file."""
