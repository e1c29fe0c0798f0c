"""Sources: references (pypi:, hf:, paths) fetched and pinned."""
