"""How much of a stranger's bytes we take: each bound well above what restic writes, and small enough to hold."""

KEY_FILE = 64 << 10
"""Bytes of a key file; restic's have about 450."""
KEYS_TRIED = 20
"""As restic: a flood of junk key files must not buy hours of derivation."""
SCRYPT_MEMORY = 128 << 20
"""Bytes that deriving a key may take; restic calibrates to 60 MiB at most."""
SCRYPT_WORK = 1 << 25
"""N·r·p of one derivation, about ten seconds; restic calibrates to half a second."""
SALT = 1024
CONFIG = 64 << 10
SNAPSHOT = 16 << 20
"""Bytes of a snapshot's plain text: its paths, excludes and tags may be long lists."""
INDEX = 64 << 20
"""Bytes of an index file, stored and plain; restic closes one at 50,000 blobs, about 8 MiB."""
HEADER = 16 << 20
"""Bytes of a pack's header: restic's own bound."""
BLOB = 64 << 20
"""Bytes of one blob, stored and plain. restic cuts files at 8 MiB; a tree of 64 MiB is a folder of 180,000."""
SEGMENT = 8 << 20
"""Bytes of a pack read at once, unless a single blob is longer."""
DEPTH = 4096
"""Folders inside folders: the longest path Linux takes has 2048."""
COPIES = 64
"""Copies of one blob that are worth knowing."""
FINDINGS = 1000
"""Findings that are kept one by one; beyond it they are counted."""
NAME = 4096
"""Bytes of one name: file systems take 255 units, which are 1024 bytes at most."""
PATH = 64 << 10
"""Bytes of a path; Linux takes 4096 at once."""
WAITING = 64 << 20
"""Bytes of what a walk remembers to visit later."""
