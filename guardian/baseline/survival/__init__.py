"""Can any one principal, or any two, destroy every restorable copy within so many days? Over stated facts alone."""
