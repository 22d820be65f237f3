"""The API server of the embedded cluster. It knows objects and HTTP; it does not depend on what runs on them."""
