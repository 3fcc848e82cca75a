"""Making a host's network look as desired: each module reads what is there, plans the difference, applies it."""
