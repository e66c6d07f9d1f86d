"""Results in; tables, figures and HTML out, as text and bytes."""
