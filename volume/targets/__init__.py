"""How volumes reach hosts."""
