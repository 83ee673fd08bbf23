"""Tables of specs: flat typed columns in Parquet, CSV and JSON."""
