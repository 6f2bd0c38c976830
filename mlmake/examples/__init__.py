"""Working projects that `mlmake init --example` copies."""
