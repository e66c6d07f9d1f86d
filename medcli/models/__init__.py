"""Networks and how they learn: backbones, losses, loader, training loop, checkpoints."""
