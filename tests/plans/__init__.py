"""Plans: tables, headers, configs."""
