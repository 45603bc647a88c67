"""Codes of errors as sentences, for where only the code is left: in the log, in the journal, in a status.

Where the error itself is at hand its own message says more.
"""

from guardian.i18n import N_

TEXTS: dict[str, str] = {
    "unexpected": N_("a fault of Guardian's"),
    "usage": N_("something impossible was asked for"),
    "configuration": N_("the configuration is wrong"),
    "unavailable": N_("something needed was missing or unreachable"),
    "not-permitted": N_("this user may not read or write what is needed"),
    "tool-missing": N_("a program that is needed is not installed"),
    "tool-failed": N_("a program ended in a way that is not known"),
    "stalled": N_("a program made no progress for too long and was stopped"),
    "storage-unreachable": N_("nothing answered at the storage's address"),
    "storage-refused": N_("the storage refused"),
    "lock-refused": N_("nothing may be written to the repository, not even a lock"),
    "storage-full": N_("there was no space left"),
    "repository-missing": N_("there was no repository at its address"),
    "repository-locked": N_("somebody else held the repository"),
    "wrong-password": N_("the password opened no key of the repository"),
    "evidence-invalid": N_("the log does not hold together"),
    "too-large": N_("a file is larger than it can be"),
    "entry-too-large": N_("the statement is larger than an entry of the log can be"),
}
