"""`python -m pileus`."""

import sys

from pileus.cli import main

sys.exit(main())
