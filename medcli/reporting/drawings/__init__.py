"""One figure a file: what its panels show, and how one is drawn."""
