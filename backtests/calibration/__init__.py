"""How often a verdict comes out in worlds in which it is known what there is to find."""
