"""Complete configurations that come with the package."""
