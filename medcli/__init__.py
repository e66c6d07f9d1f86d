"""medcli: composable commands for medical image classification."""

import os

# Threads that spin while they wait make training many times slower on a machine that others use too. Read
# when torch is loaded, so it must be set before.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
