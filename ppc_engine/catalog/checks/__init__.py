"""What is wrong with a catalog that loads: terms that lose money, caps that are never reached, places named twice.

Each check is a pure function from everything that could be read (``CatalogCase``) to issues; ``every_check.py`` lists
them. What a call would stumble over is refused by the loader; what needs flows is checked in flows/checks.
"""
