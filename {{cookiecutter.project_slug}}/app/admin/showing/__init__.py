"""What pages show: lists with their filters, values as text, the start page."""
