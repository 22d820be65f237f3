"""What an upgrade costs. Figures are printed, never asserted."""
