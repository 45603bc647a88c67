"""PostgreSQL and what is derived from it: dumped by the engine's own programs, proven in a scratch server."""
