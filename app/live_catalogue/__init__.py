"""Changes of the catalogue while it is served: items added, changed, hidden and deleted."""
