"""Pure maths of the field: arrays in, arrays out; one algorithm a file with its paper. Opens no file."""
