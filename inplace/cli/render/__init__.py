"""How results look: as a document for programs, or as text for people."""
