"""The web side of Bedside: pages, forms and small JSON answers over `clinic`'s actions and views; it decides nothing."""
