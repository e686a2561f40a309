"""From word scores to a prompt within its budget: what stays, in which order things go, and how it is joined."""
