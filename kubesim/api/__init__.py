"""The API server of the embedded cluster. It knows objects and HTTP; it refuses to know what runs on them."""
