"""How things are said: states, times and figures as text. No widgets, no store access, no terminal."""
