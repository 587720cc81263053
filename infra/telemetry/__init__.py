"""What the gateway says about itself: Prometheus figures and one JSON line per event, never a prompt or an answer."""
