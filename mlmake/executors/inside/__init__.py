"""Files that run inside a step's own interpreter; standard library only, they know nothing of mlmake."""
