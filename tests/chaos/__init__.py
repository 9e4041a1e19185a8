"""A desk as it is run, and everything that may befall it: `bin/chaos`.

`faults` are what is done, `proof` is what must hold after each, `stand` is all that runs, `without` takes the guards
away that the product has: then the run must go red.
"""
