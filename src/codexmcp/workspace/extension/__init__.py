"""The tools that compile, package and install an editor extension."""
