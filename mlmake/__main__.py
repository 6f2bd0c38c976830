"""`python -m mlmake` is the command `mlmake`; it adds nothing."""

import sys

from mlmake.cli.main import main

sys.exit(main())
