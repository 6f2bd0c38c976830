"""What earlier builds tell when they are set side by side; values in, values out, no disk and no clock."""
