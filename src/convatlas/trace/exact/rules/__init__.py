"""What makes ops of ours from calls of ATen ops, by kind; `aten` is the table of which rule is whose."""
