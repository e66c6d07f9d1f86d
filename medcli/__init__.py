"""medcli: composable commands for medical image classification."""

__version__ = "0.1.0"
