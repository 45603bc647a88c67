"""``python -m guardian`` is the same program as ``guardian``."""

from guardian.cli.main import main

if __name__ == "__main__":
    main()
