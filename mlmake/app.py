"""The one place that chooses adapters and joins them; it decides nothing by itself."""
