"""Tools to compile, package and install an editor extension."""
