"""MySQL and MariaDB: dumped by the engine's own programs at one moment, proven in a scratch server.

Accounts and grants (the ``mysql`` schema) are not part of a dump: to load one would change who may do what on the
server it is loaded into. They are a source of their own, by ``mariadb-dump --system=users`` (docs/guide/mysql.md).
"""
