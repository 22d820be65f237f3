"""The engine: time, a keyed queue, workers, ordered start and stop. Generic; imports the standard library only."""
