"""A declarative, Make-style build system for machine-learning artifacts; this page only names the public interface."""

__version__ = "0.1.0"
