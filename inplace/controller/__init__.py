"""The shell around the core: it gathers what a plan is made from, and carries out what a plan asks for."""
