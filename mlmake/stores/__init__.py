"""Adapters that keep state and bytes; they do not know what is decided from them."""
