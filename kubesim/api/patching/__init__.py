"""The four patch types. They know trees; they refuse to know kinds beyond their merge keys."""
