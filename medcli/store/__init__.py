"""Our own files: shards, manifests, provenance, digests, atomic writes."""
