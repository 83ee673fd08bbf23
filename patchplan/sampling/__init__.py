"""Which of a strategy's patches are used, and how often: filters, splits, weights, regions of interest."""
