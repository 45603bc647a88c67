"""``python -m guardian``."""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # While modules load, Ctrl-C ends us without a word; a traceback from the middle of an import helps nobody.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from guardian.cli.main import main

if __name__ == "__main__":
    main()
