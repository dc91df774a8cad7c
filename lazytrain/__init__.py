"""lazytrain: trains small nets and shows it in a terminal.

Here stands what a user's own script imports; it imports nothing but the standard library. In the repository `engine`,
`tui` and `presets` are links to the folders at the top; installed, they are the folders themselves.
"""
