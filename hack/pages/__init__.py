"""The documentation: its generated pages, the site, and what holds the pages to the code."""
