"""What an auditor takes away: the evidence pack, the clauses it answers, and a report a person reads."""
