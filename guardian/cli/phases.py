"""What the phases of long work are called."""

from typing import Final

from guardian.i18n import N_

PHASES: Final = {
    "probe": N_("looking"),
    "hooks": N_("running hooks"),
    "backup": N_("backing up"),
    "confirm": N_("checking"),
    "copy": N_("copying"),
    "presence": N_("D0 receipts against snapshots"),
    "structure": N_("D1 structure of the repository"),
    "open": N_("opening the repository"),
    "scan": N_("scanning"),
    "packs": N_("D2 stored packs"),
    "restore": N_("restoring"),
    "second-path": N_("the same by restic"),
    "application": N_("D4 loading the data"),
    "compare": N_("comparing"),
    "listing": N_("checking the listing"),
    "objects": N_("reading objects"),
    "log": N_("verifying the log"),
    "report": N_("drawing the report"),
}
