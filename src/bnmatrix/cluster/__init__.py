"""What a cluster is asked for, and whether it will give it: knows profiles, Slurm and the plan."""
