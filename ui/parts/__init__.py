"""What pages are made of: figures, lights, charts, rankings, listings, dialogs."""
