"""For tests of pipelines and of mlmake itself; this page only names the public interface."""
