"""Text to graph, pure: every mistake with its place; it reads no file and looks at no disk by itself."""
