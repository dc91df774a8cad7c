"""What screens are made of. A widget shows what it is given; what is asked of a run goes through `tui.state.host`."""
