"""Makes `python -m vlfau` the command line."""

import sys

from vlfau.cli import main

if __name__ == "__main__":
    sys.exit(main())
