"""The tools that commit and push, and run nothing that a repository brings."""
