"""Makes `python -m db` the command line of the store."""

import sys

from db.cli import main

if __name__ == "__main__":
    sys.exit(main())
