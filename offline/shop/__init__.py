"""A generated shop: its data, and a page that shows its lists."""
