"""The nouns: frozen values with no input, output or clock; they know nothing of where they come from."""
