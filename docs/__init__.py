"""The pages of the documentation; in `scripts`, what makes their tables and pictures."""
