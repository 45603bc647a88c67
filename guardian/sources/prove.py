"""From the specification of a source to the proof that its restored data works (D4)."""

from collections.abc import Mapping
from typing import Any

from guardian.errors import Unavailable
from guardian.i18n import _
from guardian.model.protection import MysqlSource, PostgresqlSource, SourceSpec, SqliteSource
from guardian.sources.proof import Dump, Proof, ProofContext


def prove(spec: SourceSpec, dump: Dump, facts: Mapping[str, Any], context: ProofContext) -> Proof:
    """Load ``dump`` into a scratch database of its kind and ask it what its owner would ask.

    ``facts`` are those of the receipt. Raises Unavailable for a source that is no database, and what the proof of its
    kind raises.
    """
    # What an engine needs is imported when it is proven: a backup needs none of it.
    match spec:
        case SqliteSource():
            from guardian.sources.sqlite_proof import prove as sqlite  # noqa: PLC0415

            return sqlite(spec, dump, facts, context)
        case PostgresqlSource():
            from guardian.sources.postgresql.prove import prove as postgresql  # noqa: PLC0415

            return postgresql(spec, dump, facts, context)
        case MysqlSource():
            from guardian.sources.mysql.prove import prove as mysql  # noqa: PLC0415

            return mysql(spec, dump, facts, context)
        case _:
            raise Unavailable(_("a source of kind {kind} has no data that could be proven").format(kind=spec.kind))
