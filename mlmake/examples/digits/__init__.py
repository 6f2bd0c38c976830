"""Handwritten digits: from portions of CSV to a tested ensemble; the steps know nothing of mlmake."""
