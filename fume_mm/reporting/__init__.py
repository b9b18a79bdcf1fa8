"""What finished runs say: tables, plots, warnings, comparisons, the report page."""
