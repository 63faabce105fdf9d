"""Sources: data sets that keep themselves current, each downloaded when it is due and imported."""
