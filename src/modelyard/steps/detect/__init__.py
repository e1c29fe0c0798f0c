"""Steps that tell tampered inputs from ordinary ones, and measure how well."""

DEFAULT = "squeezing"
