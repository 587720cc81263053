"""How fast the gateway is beside others: `make bench`. No test here asserts a time."""
