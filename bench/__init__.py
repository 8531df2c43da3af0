"""The benchmark: dsstail and its peers in the same race. `make bench`, `make bench-quick`."""
