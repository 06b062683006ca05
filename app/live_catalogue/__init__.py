"""What changes in the catalogue while it is served: items added, changed, hidden and deleted."""
