"""What is true: money, prices, orders and who may do what. No I/O, and nothing else of ours."""
