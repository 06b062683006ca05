"""The columns of the rankers, by what they look at. ``app.features`` puts them in order."""
