"""From studies to jobs: variants, specifications of jobs, and their costs."""
