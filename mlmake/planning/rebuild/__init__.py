"""The rebuilder: one small generator for each cue; it sees only the evidence it is handed."""
