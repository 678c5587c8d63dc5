"""Starts the host tool: Python runs this file of a folder or an archive."""

import sys

from meshform_host.main import main

sys.exit(main())
