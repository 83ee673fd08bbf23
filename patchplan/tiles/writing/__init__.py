"""Writing stacks and folders of patches."""
