"""Both pages with a credential."""
